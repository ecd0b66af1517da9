// Command bench measures Tollgate beside what it is compared with, in one
// run. It prints ratios: the absolute times are the machine's.
package main

import (
	"errors"
	"fmt"
	"os"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 1 && args[0] == "scale" {
		return scale(os.Stdout)
	}
	if len(args) == 1 && args[0] == "gateways" {
		return errors.Join(authorizing(os.Stdout), forEnvoy(os.Stdout), behindNginx(os.Stdout))
	}
	if len(args) == 1 && args[0] == "redis" {
		return onRedis(os.Stdout)
	}
	if len(args) > 0 && args[0] == "replicas" {
		return replicas(os.Stdout, len(args) == 2 && args[1] == "quick")
	}
	if len(args) == 2 && args[0] == "serve" {
		return serve(args[1])
	}
	if len(args) == 2 && args[0] == "write" {
		return write(args[1])
	}
	if err := inProcess(os.Stdout); err != nil {
		return err
	}
	if err := byKey(os.Stdout); err != nil {
		return err
	}
	if err := realRoles(os.Stdout); err != nil {
		return err
	}
	if err := scale(os.Stdout); err != nil {
		return err
	}
	if err := onRedis(os.Stdout); err != nil {
		return err
	}
	if err := overHTTP(os.Stdout); err != nil {
		return err
	}
	if err := authorizing(os.Stdout); err != nil {
		return err
	}
	if err := forEnvoy(os.Stdout); err != nil {
		return err
	}
	return behindNginx(os.Stdout)
}
