package store

import (
	_ "embed" // the scripts

	"github.com/redis/go-redis/v9"
)

var (
	//go:embed commit.lua
	commitSource string
	//go:embed swap.lua
	swapSource string
	//go:embed list.lua
	listSource string
	//go:embed lease.lua
	leaseSource string
	//go:embed settled.lua
	settledSource string

	commitScript  = redis.NewScript(commitSource)
	swapScript    = redis.NewScript(swapSource)
	listScript    = redis.NewScript(listSource)
	leaseScript   = redis.NewScript(leaseSource)
	settledScript = redis.NewScript(settledSource)
)
