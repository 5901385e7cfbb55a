"""An authority of a trust domain and the X.509-SVIDs that it signs, made by OpenSSL."""

import dataclasses
import pathlib
import subprocess

KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]


@dataclasses.dataclass
class Svid:
    certificate: pathlib.Path
    key: pathlib.Path


class Authority:
    def __init__(self, directory, trust_domain="prod.example"):
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.root = Svid(directory / "root.pem", directory / "root.key")
        extensions = {
            "basicConstraints": "critical,CA:TRUE",
            "keyUsage": "critical,keyCertSign,cRLSign",
            "subjectAltName": f"URI:spiffe://{trust_domain}",
        }
        self._request(self.root, extensions, "-x509", "-days", "2")

    def mint(self, name, spiffe_id):
        """An SVID for an hour or so: OpenSSL counts in days, and Hopguard takes none of more than 25 hours."""
        svid = Svid(self.directory / f"{name}.pem", self.directory / f"{name}.key")
        extensions = {
            "basicConstraints": "critical,CA:FALSE",
            "keyUsage": "critical,digitalSignature",
            "extendedKeyUsage": "serverAuth,clientAuth",
            "subjectAltName": f"URI:{spiffe_id}",
        }
        self._request(svid, extensions, "-x509", "-days", "1", "-CA", self.root.certificate, "-CAkey", self.root.key)
        return svid

    def _request(self, svid, extensions, *more):
        told = [argument for name, value in extensions.items() for argument in ("-addext", f"{name}={value}")]
        command = ["openssl", "req", *more, *KEY, "-subj", "/O=test", *told, "-keyout", svid.key, "-out", svid.certificate]
        subprocess.run(command, check=True, capture_output=True)
