// Prints the seccomp profile that containerd gives a container under `seccompProfile: {type: RuntimeDefault}`, if it has no capability.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/containerd/containerd/v2/contrib/seccomp"
	"github.com/opencontainers/runtime-spec/specs-go"
)

func main() {
	// A capability would allow further calls.
	container := &specs.Spec{Process: &specs.Process{Capabilities: &specs.LinuxCapabilities{}}}
	if err := json.NewEncoder(os.Stdout).Encode(seccomp.DefaultProfile(container)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
