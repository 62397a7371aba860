// Prints when robfig/cron fires, for the table that test_cron.py compares with.
//
// Of each line of standard input, `zone;from;seconds;cron`, it writes `zone;from;cron;next` for
// `from` (RFC 3339) and each step of so many seconds, 8 steps: the activation after that moment in
// Unix seconds, or -1 for none within five years. How to run it: see the table's first lines.
package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

func main() {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		fields := strings.Split(lines.Text(), ";")
		location, err := time.LoadLocation(fields[0])
		fail(err)
		from, err := time.Parse(time.RFC3339, fields[1])
		fail(err)
		step, err := strconv.Atoi(fields[2])
		fail(err)
		schedule, err := cron.ParseStandard(fields[3])
		fail(err)
		for i := 0; i < 8; i++ {
			at := from.Add(time.Duration(i*step) * time.Second)
			next := schedule.Next(at.In(location))
			seconds := next.Unix()
			if next.IsZero() {
				seconds = -1
			}
			fmt.Printf("%s;%d;%s;%d\n", fields[0], at.Unix(), fields[3], seconds)
		}
	}
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
