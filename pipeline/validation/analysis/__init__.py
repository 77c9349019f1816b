"""What a climbed ladder tells beyond its accuracies: where accuracy was lost, what each half did, what it costs."""
