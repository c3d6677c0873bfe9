// kfake: one Kafka node in Go, run by scripts/kafka-fast.
//
// Its one argument is a file of KEY=VALUE lines: port, data (a directory), and settings of a broker.
// Says "Kafka Server started" when it listens; SIGTERM ends it cleanly.
package main

import (
	"bufio"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"

	"github.com/twmb/franz-go/pkg/kfake"
)

func fail(err error) {
	fmt.Fprintln(os.Stderr, "ERROR", err)
	os.Exit(1)
}

func properties(path string) (map[string]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	all := make(map[string]string)
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		key, value, found := strings.Cut(lines.Text(), "=")
		if found {
			all[key] = value
		}
	}
	return all, lines.Err()
}

func main() {
	if len(os.Args) != 2 {
		fail(fmt.Errorf("usage: kfake FILE"))
	}
	settings, err := properties(os.Args[1])
	if err != nil {
		fail(err)
	}
	port, err := strconv.Atoi(settings["port"])
	if err != nil {
		fail(err)
	}
	data := settings["data"]
	delete(settings, "port")
	delete(settings, "data")

	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM)
	cluster, err := kfake.NewCluster(kfake.Ports(port), kfake.DataDir(data), kfake.BrokerConfigs(settings),
		kfake.WithLogger(kfake.BasicLogger(os.Stderr, kfake.LogLevelWarn)))
	if err != nil {
		fail(err)
	}
	fmt.Println("Kafka Server started")
	<-ended
	cluster.Close()
}
