"""Locks the current process in: Landlock, seccomp and resource limits. Called in the child, after the fork, before a stranger's file is opened."""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import resource
import stat
import struct
from dataclasses import dataclass

_libc = ctypes.CDLL(None, use_errno=True)

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
_PR_SET_NO_NEW_PRIVS, _PR_SET_PDEATHSIG, _PR_SET_SECCOMP, _PR_SET_DUMPABLE = 38, 1, 22, 4
# Rights of the file system known by each version of the interface (fs bits), of the network from 4, of scopes from 6.
_FS_BITS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxReport:
    kind: str  # "landlock" or "none"
    abi: int
    seccomp: bool
    detail: str


def probe() -> SandboxReport:
    """What this kernel offers, for /health and for the refusal to start without."""
    abi = int(_libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(1)))
    if abi < 1:
        reason = os.strerror(ctypes.get_errno())
        return SandboxReport(kind="none", abi=0, seccomp=False, detail=f"Landlock is not available here: {reason}")
    seccomp = platform.machine() in _SYSCALLS
    return SandboxReport(
        kind="landlock", abi=abi, seccomp=seccomp, detail=f"Landlock version {abi}" + (", seccomp" if seccomp else "")
    )


def die_with_parent() -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, 9, 0, 0, 0)


def limit_resources(*, memory: int, cpu_seconds: int, files: int = 64) -> None:
    """`memory`: bytes of address space on top of what the process has now."""
    with open("/proc/self/statm", "rb") as file:
        current = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (current + memory, current + memory))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))


def confine(paths: tuple[bytes, ...], inodes: tuple[tuple[int, int], ...] | None = None) -> None:
    """From here on this process reads these files, and what is beneath these folders, only, writes nowhere, connects nowhere, starts nothing.
    Files are named without symbolic links: one that is on the way now has been put there since. `inodes`: device and number of each path, if it must still be that one. Raises OSError if it cannot be."""
    abi = int(_libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(1)))
    if abi < 1:
        raise OSError(ctypes.get_errno(), "Landlock is not available")
    filesystem = (1 << _FS_BITS.get(abi, 16)) - 1
    attributes = struct.pack("=QQQ", filesystem, 3 if abi >= 4 else 0, 3 if abi >= 6 else 0)
    size = 24 if abi >= 6 else 16 if abi >= 4 else 8
    ruleset = _call(_CREATE_RULESET, ctypes.c_char_p(attributes), ctypes.c_size_t(size), ctypes.c_uint32(0))
    for i, path in enumerate(paths):
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
        found = os.fstat(handle)
        exchanged = inodes is not None and (found.st_dev, found.st_ino) != inodes[i]
        if exchanged or (stat.S_ISREG(found.st_mode) and os.readlink(b"/proc/self/fd/%d" % handle) != path):
            raise OSError(errno.ESTALE, "was exchanged while it was opened")
        rights = _READ_FILE | (_READ_DIR if stat.S_ISDIR(found.st_mode) else 0)
        rule = struct.pack("=Qi", rights, handle)
        _call(_ADD_RULE, ctypes.c_int(ruleset), ctypes.c_int(1), ctypes.c_char_p(rule), ctypes.c_uint32(0))
        os.close(handle)
    if _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "no_new_privs")
    _call(_RESTRICT_SELF, ctypes.c_int(ruleset), ctypes.c_uint32(0))
    os.close(ruleset)
    _deny_syscalls()


def _call(number: int, *arguments: object) -> int:
    result = int(_libc.syscall(ctypes.c_long(number), *arguments))
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result


# Calls that reading a file never needs; numbers by architecture: socket, connect, execve, execveat, ptrace, process_vm_readv,
# process_vm_writev, kill, tgkill (a process may still end itself by abort through tgkill of its own: so tgkill is left), mount, bpf,
# userfaultfd, perf_event_open, keyctl, add_key, io_uring_setup, and all that makes processes or threads (fork, vfork, clone, clone3).
_SYSCALLS = {
    "x86_64": (0xC000003E, (41, 42, 59, 322, 101, 310, 311, 62, 165, 321, 323, 298, 250, 248, 57, 58, 425, 56, 435)),
    "aarch64": (0xC00000B7, (198, 203, 221, 281, 117, 270, 271, 129, 40, 280, 282, 241, 219, 217, 425, 220, 435)),
}


def _deny_syscalls() -> None:
    """EPERM for them; kill the process when it uses a foreign system call table."""
    known = _SYSCALLS.get(platform.machine())
    if known is None:
        return
    arch, numbers = known
    code = [_op(0x20, 0, 0, 4), _op(0x15, 1, 0, arch), _op(0x06, 0, 0, 0x80000000), _op(0x20, 0, 0, 0)]
    code += [_op(0x35, 0, 1, 0x40000000), _op(0x06, 0, 0, 0x80000000)]  # the second table of x86_64 ("x32") has other numbers
    for i, number in enumerate(numbers):
        code.append(_op(0x15, len(numbers) - i, 0, number))
    code += [_op(0x06, 0, 0, 0x7FFF0000), _op(0x06, 0, 0, 0x00050000 | 1)]
    program = b"".join(code)
    buffer = ctypes.create_string_buffer(program)
    header = struct.pack("=HxxxxxxQ", len(code), ctypes.addressof(buffer))
    if _libc.prctl(_PR_SET_SECCOMP, 2, ctypes.c_char_p(header), 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "seccomp")


def _op(code: int, true: int, false: int, value: int) -> bytes:
    return struct.pack("=HBBI", code, true, false, value)
