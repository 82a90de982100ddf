# SPDX-License-Identifier: GPL-2.0
"""What a guest has beside its kernel: its init, busybox, and the files for one run."""

import hashlib
import os
import subprocess
import tempfile
import threading
from pathlib import Path

from host.failure import Failure
from host.places import BUILD, LINUX, ROOT, relative
from host.programs import run_program

packing_lock = threading.Lock()


def gen_init_cpio():
	"""The kernel's own packer, so that no root is needed for device nodes."""
	source = LINUX / "usr/gen_init_cpio.c"
	tool = BUILD / "gen_init_cpio"
	if not tool.exists():
		if not source.exists():
			raise Failure(f"{relative(source)} is missing: run make tree")
		scratch = tool.with_suffix(f".{os.getpid()}")
		subprocess.run(["gcc", "-O2", "-o", scratch, source], check=True)
		scratch.replace(tool)
	return tool


def busybox(architecture):
	for path in map(Path, architecture.busybox):
		if path.exists():
			return path
	raise Failure("busybox-static is missing for the guest: run scripts/setup "
		      + architecture.setup)


def pack(listing, files):
	"""By way of links, for paths with blanks in them."""
	with tempfile.TemporaryDirectory(dir=BUILD) as place:
		for number, (name, path) in enumerate(files):
			link = Path(place, str(number))
			link.symlink_to(path.resolve())
			listing = [*listing, f"file {name} {link} 0755 0 0"]
		packed = run_program(gen_init_cpio(), "-t", "0", "-", text=False,
				     input="\n".join(listing).encode() + b"\n")
	if packed.returncode:
		raise Failure("the guest's files cannot be packed: "
			      + packed.stderr.decode(errors="replace").strip())
	return packed.stdout


def initramfs(architecture, extra=()):
	"""Pack guests/init, busybox and the extra files, once for each content."""
	files = [("/init", ROOT / "scripts/guests/init"),
		 ("/bin/busybox", busybox(architecture))]
	folders = ["/dev", "/proc", "/sys", "/bin", "/tmp", "/extra"]
	for path in map(Path, extra):
		if not path.exists():
			raise Failure(f"{path} is missing: it was to go into the guest")
		for found in [path, *sorted(path.rglob("*"))]:
			name = f"/extra/{found.relative_to(path.parent)}"
			if found.is_dir():
				folders.append(name)
			else:
				files.append((name, found))

	applets = ("sh mount awk cat echo poweroff sleep ls grep dmesg taskset mkdir "
		   # What the kernel's runner of selftests calls
		   "basename cut dirname head ln modprobe realpath sed sort tr uniq wc")
	listing = ["nod /dev/console 0600 0 0 c 5 1"]
	listing += [f"dir {name} 0755 0 0" for name in folders]
	listing += [f"slink /bin/{name} busybox 0777 0 0" for name in applets.split()]
	digest = hashlib.sha256("\n".join(listing).encode())
	for name, path in files:
		digest.update(f"{name} {hashlib.sha256(path.read_bytes()).hexdigest()}".encode())
	image = BUILD / "initramfs" / f"{digest.hexdigest()[:16]}.cpio"
	if not image.exists():
		image.parent.mkdir(parents=True, exist_ok=True)
		packed = pack(listing, files)
		scratch = image.with_suffix(f".{os.getpid()}")
		scratch.write_bytes(packed)
		scratch.replace(image)
	return image
