"""What a part needs and what each target makes of it, told before anything runs."""
