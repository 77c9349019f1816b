"""HDF5 files that anyone may have written, read whole and without HDF5's own library.

One changed byte can make that library loop for ever, deaf to Ctrl-C, and a sound file may tell it to read any other
file of the machine. Here pyfive, which is pure Python, takes the file's records apart, and this module decides what is
read of them and how much: no code in C sees the file, nothing is allocated that its bytes do not bear out, and whatever
it says, the work ends.

Read is what HDF5 writes by default: groups, and arrays of numbers, truth values and texts, in one piece or in chunks
(`hdf5_values`). Refused are links of every kind, objects that two paths lead to, values in other files, virtual
datasets, committed types, and what HDF5 stores in its newer ways: groups with many members under `libver="latest"`, and
chunks under the same.
"""

import struct
from typing import NamedTuple

from pyfive.btree import BTreeV1Groups
from pyfive.dataobjects import DataObjects
from pyfive.misc_low_level import FORMAT_SIGNATURE, GlobalHeap, Heap, SuperBlock, SymbolTable

from ..errors import InputError
from .hdf5_values import Budget, Storage, Value, attribute, value_of

Group = dict[str, "Group | Value"]
"""What a group holds, by name."""

DEEPEST = 64
"""How many groups may lie within each other."""

MOST_OBJECTS = 2**15
"""How many groups and arrays a file may hold."""

LONGEST_NAME = 1024
"""How many bytes the name of a group or an array may have."""

_TOLL = 64
"""What a single read counts for beside the bytes that it gives, and a record beside its own, so that what is small ends
too."""

_LONGEST_SHOWN = 80
"""How many characters of a path an error shows."""

_READ_RATIO, _MOST_READ = 8, 2**25
"""So many times the file's bytes are read of records at most, tolls included, and so many bytes. A sound file's are
read once, and come to about three times the file where it holds nothing else."""

_LARGEST_HEADER = 2**18
"""How many bytes the records of one group or array may take up; HDF5 writes a few hundred. pyfive copies what it has
of them at every part that follows."""

# HDF5 File Format Specification 3.0, IV.A.2: the numbers of the records ("messages") in an object's header.
_DATASPACE, _LINK_INFO, _DATATYPE, _LINK, _EXTERNAL, _LAYOUT, _FILTERS, _ATTRIBUTE, _SYMBOL_TABLE = (
    0x1, 0x2, 0x3, 0x6, 0x7, 0x8, 0xB, 0xC, 0x11,
)  # fmt: skip
# IV.A.1: the flags of a record.
_CONSTANT, _SHARED, _UNSHARED = 1, 2, 4
_UNDEFINED = 2**64 - 1


class Hdf5File(NamedTuple):
    """A file's root group, and the attributes of the root.

    A value is what h5py would give for `dataset[()]`: a NumPy array, a NumPy scalar, bytes for one text, an object
    array of bytes for texts of several lengths. An attribute that is none of these is left out.
    """

    attributes: dict[str, Value]
    root: Group


def read_hdf5(content: bytes, where: str) -> Hdf5File:
    """What the file of this content holds; `where` names it in the errors.

    The time and the memory are bounded by the content's size: no array is larger than what is stored of it, or where it
    is compressed than what `hdf5_values` allows. Raises InputError, in one sentence, where the content is damaged, is
    no HDF5, is larger than the limits here, or holds what is refused.
    """
    place = _signature(content)
    if place is None:
        raise InputError(f"{where}: not readable as HDF5; it is not an HDF5 file")
    try:
        return _Reader(content, place, where).file()
    except InputError:
        raise
    except MemoryError as error:
        raise InputError(f"{where}: this machine's memory cannot hold its values") from error
    # pyfive trusts what it reads, so damage can end in an exception of any kind.
    except Exception as error:
        raise InputError(
            f"{where}: not readable as HDF5, so the file is damaged ({type(error).__name__}: {error})"
        ) from error


def flattened(group: Group, prefix: str = "") -> dict[str, Value]:
    """Every value of the group and of the groups within it, by its path."""
    found: dict[str, Value] = {}
    for name, member in group.items():
        if isinstance(member, dict):
            found |= flattened(member, f"{prefix}{name}/")
        else:
            found[prefix + name] = member
    return found


def _signature(content: bytes) -> int | None:
    """Where the file's first record stands: a block of the writer's own may stand before it."""
    place = 0
    while place < len(content):
        if content.startswith(FORMAT_SIGNATURE, place):
            return place
        place = 2 * place or 512
    return None


class _Metered:
    """The content as the file object that pyfive reads: it ends where more is read than `left`."""

    def __init__(self, content: memoryview, left: int) -> None:
        self.content, self.left, self.place = content, left, 0

    def seek(self, place: int, whence: int = 0) -> int:
        if whence:
            raise ValueError("only places from the start are known")
        self.place = place
        return place

    def tell(self) -> int:
        return self.place

    def read(self, size: int) -> bytes:
        if size < 0:
            raise ValueError("a record has a negative size")
        size = min(size, max(0, len(self.content) - self.place))
        self.left -= size + _TOLL
        if self.left < 0:
            raise ValueError("its records lead to more than it holds")
        found = bytes(self.content[self.place : self.place + size])
        self.place += size
        return found


class _Reader:
    """One file on its way."""

    def __init__(self, content: bytes, place: int, where: str) -> None:
        self.where, self.size = where, len(content)
        self.content = memoryview(content)[place:]
        self.records = _Metered(self.content, min(_READ_RATIO * len(self.content) + 2**16, _MOST_READ))
        self.storage = Storage(self.content, Budget(len(content)), self._texts, self.records)
        self.seen: set[int] = set()
        self.heaps: dict[int, dict[int, bytes]] = {}

    def file(self) -> Hdf5File:
        block = SuperBlock(self.records, 0)
        end = block._contents["end_of_file_address"]
        if end > self.size:
            raise InputError(
                f"{self.where}: must have the {end} bytes that it tells, got {self.size}, so it is cut off"
            )
        address = block.offset_to_dataobjects
        header = self._header(address, "")
        attributes = [attribute(body, self.storage) for body in self._bodies(header, _ATTRIBUTE, "")]
        return Hdf5File(dict(pair for pair in attributes if pair is not None), self._group(header, "", 1))

    def _header(self, address: int, path: str) -> DataObjects:
        """The records of the object there, which no other path has led to."""
        if address in self.seen:
            raise InputError(
                f"{self.where}: each group or array must have one path only, got {_shown(path)} as a second one"
            )
        self.seen.add(address)
        if len(self.seen) > MOST_OBJECTS:
            raise InputError(f"{self.where}: must hold at most {MOST_OBJECTS} groups and arrays, got more")
        part = _Metered(self.content, min(_LARGEST_HEADER, self.records.left))
        given = part.left
        header = DataObjects(part, address)
        self.records.left -= given - part.left + _TOLL * len(header.msgs)
        # Of an empty record (0) pyfive makes what may be a checksum, in the newer headers.
        if any(message["type"] and message["flags"] & ~(_CONSTANT | _SHARED | _UNSHARED) for message in header.msgs):
            raise ValueError("a record has flags that HDF5 does not write")
        return header

    def _bodies(self, header: DataObjects, kind: int, path: str) -> list[bytes]:
        """The records of one kind, without those around them."""
        found = [message for message in header.msgs if message["type"] == kind]
        if any(message["flags"] & _SHARED for message in found):
            raise InputError(
                f"{self.where}: {_shown(path)} uses a committed type or another shared record; none is allowed"
            )
        starts = [message["offset_to_message"] for message in found]
        return [header.msg_data[start : start + message["size"]] for start, message in zip(starts, found, strict=True)]

    def _group(self, header: DataObjects, path: str, depth: int) -> Group:
        if depth > DEEPEST:
            raise InputError(f"{self.where}: groups must lie at most {DEEPEST} deep within each other, got deeper ones")
        members: Group = {}
        for name, address in self._links(header, path):
            within = f"{path}/{name}" if path else name
            if name in members or not name or "/" in name:
                raise ValueError(f"the name {within!r} is there twice, or is none")
            found = self._header(address, within)
            kinds = {message["type"] for message in found.msgs}
            if _DATASPACE in kinds:
                members[name] = self._value(found, within)
            elif kinds & {_SYMBOL_TABLE, _LINK_INFO, _LINK}:
                members[name] = self._group(found, within, depth + 1)
            else:
                raise InputError(f"{self.where}: {_shown(within)} must be a group or an array, got neither")
        return members

    def _value(self, header: DataObjects, path: str) -> Value:
        where = f"{self.where}: {_shown(path)}"
        if self._bodies(header, _EXTERNAL, path):
            raise InputError(f"{where} must have its values in this file, got another one")
        records = [self._bodies(header, kind, path) for kind in (_DATATYPE, _DATASPACE, _LAYOUT)]
        filters = header.filter_pipeline if self._bodies(header, _FILTERS, path) else None
        datatype, dataspace, layout = (bodies[0] for bodies in records)
        return value_of(datatype, dataspace, layout, filters or [], self.storage, where)

    def _links(self, header: DataObjects, path: str) -> list[tuple[str, int]]:
        """Names and addresses of what a group holds, in the order of the names."""
        found: list[tuple[str, int]] = []
        for body in self._bodies(header, _SYMBOL_TABLE, path):
            tree, heap = struct.unpack_from("<QQ", body)
            names = Heap(self.records, heap).data
            for address in BTreeV1Groups(self.records, tree).symbol_table_addresses():
                for entry in SymbolTable(self.records, address).entries:
                    name = self._name(names, entry["link_name_offset"])
                    if entry["cache_type"] not in (0, 1):
                        raise self._link(path, name)
                    found.append((name, entry["object_header_address"]))
        for body in self._bodies(header, _LINK, path):
            is_hard = not body[1] & 8 or body[2] == 0
            # All links have the same form but for what they lead to, so pyfive finds the name of any.
            hard = body if is_hard else body[:2] + b"\0" + body[3:] + bytes(8)
            _, (name, address) = DataObjects._decode_link_msg(hard, 0)
            name = self._name(name.encode() + b"\0", 0)
            if not is_hard:
                raise self._link(path, name)
            found.append((name, address))
        for body in self._bodies(header, _LINK_INFO, path):
            (heap,) = struct.unpack_from("<Q", body, 10 if body[1] & 1 else 2)
            if heap != _UNDEFINED:
                raise InputError(
                    f'{self.where}: the group {_shown(path)} must be written without libver="latest" and without an '
                    "order of creation, got members that are stored in HDF5's newer way"
                )
        return sorted(found, key=lambda link: link[0].encode())

    def _link(self, path: str, name: str) -> InputError:
        return InputError(
            f"{self.where}: the group {_shown(path)} must hold no links, got {name!r}, a soft or external one"
        )

    def _name(self, names: bytes, start: int) -> str:
        end = names.find(b"\0", start, start + LONGEST_NAME + 1)
        if end < 0:
            raise InputError(
                f"{self.where}: the name of a group or array must have at most {LONGEST_NAME} bytes, got more or no end"
            )
        return names[start:end].decode()

    def _texts(self, address: int) -> dict[int, bytes]:
        """The texts of several lengths that stand together at that address, by their numbers."""
        if address not in self.heaps:
            self.heaps[address] = GlobalHeap(self.records, address).objects
        return self.heaps[address]


def _shown(path: str) -> str:
    """A path in an error: of a long one only its end."""
    return repr(path if len(path) <= _LONGEST_SHOWN else f"…{path[-_LONGEST_SHOWN:]}")
