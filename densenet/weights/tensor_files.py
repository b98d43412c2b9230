"""Read tensors out of a file that a stranger brought, and write them.

The format is told from the content, never from the name: safetensors, or a file of `torch.save`, new (a zip) or old (pickles in a row).
A pickle never runs: torch's restricted reader is used, after a scan has shown that it asks for nothing but tensors and plain containers.
"""

from __future__ import annotations

import pickletools
import re
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from densenet.files import write_whole
from densenet.weights.class_names import ClassNames, names_in

MAX_FILE_BYTES = 2**30  # densenet161 with Adam's two states has 345 MB
_PICKLES_IN_OLD_FILES = 5  # magic number, version, machine, content, keys of the storages that follow
_DEPTH = 3  # of dictionaries in dictionaries in which a state_dict is looked for
_AVERAGED = frozenset({"ema", "average"})  # words in the names that training programs, ours among them, give to averaged weights
_DTYPES = (torch.float32, torch.float16, torch.bfloat16, torch.float64)
# Less than torch itself lets a pickle call: bytearray and the constructors of tensors reserve whatever memory they are told to.
_HARMLESS = re.compile(
    r"collections (?:OrderedDict|Counter)|(?:builtins|__builtin__) (?:set|complex)|_codecs encode"
    r"|torch (?:[a-z]*(?:float|int|half|double|long|short|char|byte|bool|complex)\w*|Size|device)"
    r"|torch(?:\.cuda)? \w+Storage|torch\.storage (?:Untyped|Typed)Storage|torch\.nn\.parameter Parameter|torch\.serialization _get_layout"
    r"|torch\._utils _rebuild_(?:tensor|tensor_v2|tensor_v3|parameter)"
)
# A file may hold a storage of the deprecated kind; what is read is decided below. Once, here: `warnings.catch_warnings` is not for threads.
warnings.filterwarnings("ignore", "TypedStorage is deprecated", UserWarning)


class TensorFile(NamedTuple):
    """A file's tensors as they are stored, by name, still in the file where that can be, and what else it says.

    `metadata` are the strings of a safetensors header, `classes` the names that a checkpoint of training holds.
    """

    tensors: dict[str, Tensor]
    metadata: dict[str, str]
    classes: ClassNames | None = None


def check_size(path: Path) -> None:
    """Raise ValueError for what is no file, or too large to be one of a DenseNet."""
    if not path.is_file():
        raise ValueError("it is not a file")
    size = path.stat().st_size
    if size == 0:
        raise ValueError("the file is empty")
    if size > MAX_FILE_BYTES:
        raise ValueError(f"it has {size / 2**20:,.0f} MB, and {MAX_FILE_BYTES // 2**20:,} MB is the limit")


def read_tensors(path: Path) -> TensorFile:
    """Return the tensors in `path`; of several sets of weights the averaged one (EMA), else the first.

    ValueError with a clause that says what is wrong with the file; nothing in it is run, and no memory is taken beyond its size.
    """
    check_size(path)
    with path.open("rb") as file:
        start = file.read(9)
    if start[8:] == b"{":
        return _read_safetensors(path)
    if not start.startswith((b"PK\x03\x04", b"\x80\x02")):
        raise ValueError("its content is neither safetensors nor a file of torch.save")
    content = _unpickle(path, zipped=start.startswith(b"PK"))
    tensors = _state_dict_in(content)
    if not tensors:
        raise ValueError("it holds no tensors by name")
    return TensorFile(tensors, {}, names_in(content))


def _read_safetensors(path: Path) -> TensorFile:
    try:
        with safe_open(path, framework="pt") as file:
            names = file.keys()  # of a handle that is no mapping
            return TensorFile({name: file.get_tensor(name) for name in names}, file.metadata() or {})
    except SafetensorError as error:
        raise ValueError(f"its safetensors header is broken, or the file ends early ({str(error).rsplit(': ', 1)[-1]:.100})") from None
    except Exception:  # numbers of a kind that torch does not know, and what else a header may say
        raise ValueError("it holds tensors of a kind that cannot be read") from None


def _unpickle(path: Path, *, zipped: bool) -> object:
    """Return the content of a file of torch.save."""
    try:
        asked_for = _globals_in_zip(path) if zipped else _globals_in_pickles(path)
    except Exception:  # BadZipFile, EOFError, MemoryError where a length is made up, RuntimeError for an encrypted zip, struct.error, ...
        raise ValueError("the file is damaged or ends early") from None
    if asked_for is None:
        raise ValueError("it is a zip file, but none that torch.save wrote (programs of TorchScript and torch.export are not read)")
    foreign = sorted(name for name in asked_for if not _HARMLESS.fullmatch(name))
    if foreign:
        raise ValueError(
            f"it holds Python objects ({', '.join(name.replace(' ', '.', 1)[:80] for name in foreign[:3])}), and only tensors are read: "
            "save model.state_dict() alone"
        )
    try:
        # Mapped, a zip's tensors are slices of the file: a size that the pickle makes up cannot reach beyond its end.
        return torch.load(path, map_location="cpu", weights_only=True, mmap=zipped)
    except Exception:  # a damaged file makes torch raise what it likes: UnpicklingError, RuntimeError, EOFError, AttributeError, ...
        raise ValueError("the file is damaged or ends early") from None


def _globals_in_zip(path: Path) -> set[str] | None:
    """Return what the pickle of a new file asks for, or None for any other zip; torch compresses nothing, so nothing may unpack to more."""
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        pickles = [entry for entry in entries if entry.filename.endswith("/data.pkl")]
        compressed = any(entry.compress_type != zipfile.ZIP_STORED or entry.compress_size != entry.file_size for entry in entries)
        if len(pickles) != 1 or compressed or any(entry.filename.endswith("/constants.pkl") for entry in entries):
            return None
        with archive.open(pickles[0]) as file:
            return _globals_in(file)


def _globals_in_pickles(path: Path) -> set[str]:
    with path.open("rb") as file:
        return set().union(*(_globals_in(file) for _ in range(_PICKLES_IN_OLD_FILES)))


def _globals_in(file: IO[bytes]) -> set[str]:
    """Return the "module name" pairs that the next pickle in `file` asks for; it is parsed, not run."""
    found = set()
    for opcode, argument, _ in pickletools.genops(file):
        if opcode.name in ("GLOBAL", "INST"):
            found.add(str(argument))
        elif opcode.name == "STACK_GLOBAL":  # its name lies on the stack; torch.save does not write it, and torch does not read it
            found.add("an unnamed object")
    return found


def _mappings(content: object) -> Iterator[tuple[str, Mapping[object, object]]]:
    """Yield the dictionaries in `content`, outermost first, each once, with the keys that lead to it."""
    waiting: list[tuple[str, object]] = [("", content)]
    seen: set[int] = set()
    for _ in range(_DEPTH):
        inner: list[tuple[str, object]] = []
        for path, value in waiting:
            if isinstance(value, Mapping) and id(value) not in seen:
                seen.add(id(value))
                yield path, value
                inner += [(f"{path}.{key}", child) for key, child in value.items() if isinstance(child, Mapping)]
        waiting = inner


def _state_dict_in(content: object) -> dict[str, Tensor]:
    """Return the state_dict in what was saved: plain, or in a checkpoint of training beside optimizers, averages and counters."""
    named = [
        (path, {key: value for key, value in mapping.items() if isinstance(key, str) and isinstance(value, Tensor)})
        for path, mapping in _mappings(content)
    ]
    nets = [(path, tensors) for path, tensors in named if any(name.endswith(("conv0.weight", "conv1.weight")) for name in tensors)]
    averaged = [tensors for path, tensors in nets if _AVERAGED.intersection(re.split(r"[^a-z]+", path.lower()))]
    if averaged:
        return averaged[0]
    return nets[0][1] if nets else max((tensors for _, tensors in named), key=len, default={})


def as_plain_float32(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return float32 copies in memory of their own, counters as int64.

    ValueError for a tensor that holds no plain numbers, for one that is not finite in float32, and for a negative variance.
    """
    if sum(4 * tensor.numel() for tensor in tensors.values()) > MAX_FILE_BYTES:  # a view may repeat one number a million times
        raise ValueError(f"its tensors have more than {MAX_FILE_BYTES // 2**20:,} MB in float32")
    copies = {}
    for name, tensor in tensors.items():
        counter = name.endswith(".num_batches_tracked")
        plain = tensor.layout == torch.strided and tensor.device.type == "cpu" and not tensor.is_quantized
        if not plain or not (tensor.dtype in _DTYPES or (counter and tensor.dtype == torch.int64)):
            kind = f"{tensor.dtype}, {tensor.layout}, on {tensor.device.type}".replace("torch.", "")
            raise ValueError(f"{name} is not of float32, float64, float16 or bfloat16 numbers but {kind}")
        dtype = torch.int64 if counter else torch.float32
        copy = tensor.detach().to(dtype, copy=True, memory_format=torch.contiguous_format)
        if not bool(torch.isfinite(copy).all()):
            raise ValueError(f"{name} holds values that are not finite, so the net could only answer with NaN")
        if name.endswith(".running_var") and bool((copy < 0).any()):
            raise ValueError(f"{name} holds negative values, and a variance has none")
        copies[name] = copy
    return copies


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: dict[str, str]) -> None:
    """Write a state_dict as the suffix of `path` says, .safetensors (with `metadata`), .pth or .pt, whole or not at all."""
    if path.suffix not in (".safetensors", ".pth", ".pt"):
        raise ValueError(f"path must end in .safetensors, .pth or .pt, got {path.name!r}")
    copies = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    if path.suffix == ".safetensors":
        content = save(copies, metadata)
        write_whole(path, lambda file: file.write(content))
    else:
        write_saved(path, copies)


def write_saved(path: Path, content: object) -> None:
    """Write a file of torch.save, whole or not at all; OSError if that fails."""
    try:
        write_whole(path, lambda file: torch.save(content, file))
    except RuntimeError as error:  # what torch's writer makes of a full disk
        raise OSError(f"{path} could not be written: {error}") from error
