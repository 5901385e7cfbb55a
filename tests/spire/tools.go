//go:build tools

// Package tools names what is built from this module, so that its versions are kept in go.mod and its sums in go.sum.
package tools

import (
	_ "github.com/spiffe/spire/cmd/spire-agent"
	_ "github.com/spiffe/spire/cmd/spire-server"
)
