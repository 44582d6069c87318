package relay

import (
	"context"
	"sync"
	"time"

	careful "planted.test/internal/safe"
)

func starts(ctx context.Context, f func()) {
	go f()
	go func() {}()
	go careful.Func(f)()
	var all sync.WaitGroup
	all.Go(f)
	all.Go(careful.Func(f))
	time.AfterFunc(time.Second, f)
	time.AfterFunc(time.Second, careful.Func(f))
	context.AfterFunc(ctx, f)
}
