// Command floor runs the limits of package floor.
package main

import (
	"fmt"
	"log"

	"github.com/chiru-go/chiru/bench/client"
	"github.com/chiru-go/chiru/bench/floor"
)

var kinds = map[string]floor.Kind{"bare": floor.Bare, "full": floor.Full, "reusing": floor.Reusing}

func main() {
	client.Main(func(job client.Job, m *client.Meter) error {
		for shard := range job.Shards {
			identify := fmt.Sprintf(`{"op":2,"d":{"token":"%s","intents":%d,"compress":%t,"shard":[%d,%d],"properties":{}}}`,
				client.Token, client.Intents, job.Compression == "payload", shard, job.Shards)
			c, err := floor.Dial(job.Host, job.Compression, identify, kinds[job.Variant])
			if err != nil {
				return err
			}
			go read(c, m, m.Lane(1))
		}
		return nil
	})
}

func read(c *floor.Conn, m *client.Meter, lane *client.Lane) {
	for {
		e, err := c.Read()
		switch {
		case err != nil:
			log.Print(err)
			return
		case e.Op != 0:
		case string(e.Type) == "READY":
			m.Ready()
		default:
			lane.Raw(e.Seq, e.Body)
		}
	}
}
