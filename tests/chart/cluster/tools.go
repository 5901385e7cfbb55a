//go:build tools

// Package tools names what is built from this module, so that its versions are kept in go.mod and its sums in go.sum.
package tools

import (
	_ "go.etcd.io/etcd/server/v3"
	_ "k8s.io/kubernetes/cmd/kube-apiserver"
)
