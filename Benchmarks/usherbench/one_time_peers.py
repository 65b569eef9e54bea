"""Modules with one-time answers that a machine seldom has: fetched from Debian and put into the private host, where
they go with it. Nothing is installed on the machine."""
import pathlib
import shutil
import subprocess

import namespaces

PACKAGES = ["libpam-oath", "liboath0", "oathtool", "libpam-google-authenticator", "libqrencode4"]
# Where the referee's peers keep their counters.
STATE = ("/var/lib/ga", "/var/lib/oath")


def _fetch(directory):
    """Unpacks the packages below a directory; False where there is no archive to fetch them from."""
    directory.mkdir()
    # apt lets an unprivileged user of its own do the fetching.
    shutil.chown(directory, "_apt")
    got = subprocess.run(["apt-get", "-qq", "download", *PACKAGES], cwd=directory, capture_output=True)
    if got.returncode:
        return False
    for package in directory.glob("*.deb"):
        subprocess.run(["dpkg-deb", "-x", package, directory / "root"], check=True)
    return True


class OneTimePeers:
    """The modules and the places of their state, for the time of a comparison."""

    def __init__(self, scratch, security_directory):
        self._made, self._mounted = [], []
        self.available = _fetch(scratch / "packages")
        if not self.available:
            return
        root = scratch / "packages" / "root"
        # Into the private host's own /usr; a package's /lib would replace the symbolic link of that name.
        for file in root.rglob("*"):
            if file.parent.name == "security" and file.suffix == ".so":
                shutil.copy(file, security_directory)
            elif ".so" in file.name:
                shutil.copy(file, security_directory.parent, follow_symlinks=False)
            elif file.parent == root / "usr/bin":
                shutil.copy(file, "/usr/bin")
        subprocess.run(["ldconfig"], check=True)
        for state in STATE:
            self._keep_private(pathlib.Path(state), scratch / pathlib.Path(state).name)

    def _keep_private(self, place, private):
        """A directory of the scratch space, on the same disk as everything else, in this place."""
        private.mkdir()
        if not place.exists():
            place.mkdir()
            self._made.append(place)
        namespaces.mount(private, place, flags=namespaces.MS_BIND)
        self._mounted.append(place)

    def remove(self):
        for place in self._mounted:
            namespaces.unmount(place)
        for place in self._made:
            place.rmdir()
