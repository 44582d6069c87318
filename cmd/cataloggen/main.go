// Cataloggen writes the built-in catalogue snapshot of internal/catalog/data out
// of the public lists and the hand-kept files beside it. The same input gives
// the same bytes.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "cataloggen:", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	flags := flag.NewFlagSet("cataloggen", flag.ContinueOnError)
	from := flags.String("from", "../shared/data", "directory of the public lists")
	data := flags.String("data", "internal/catalog/data", "directory of the hand-kept files, and of the snapshot")
	check := flags.Bool("check", false, "write nothing; fail if the snapshot is not what it would be")
	if err := flags.Parse(args); err != nil {
		return err
	}
	src, err := readSources(*from)
	if err != nil {
		return err
	}
	hand, err := readHand(*data)
	if err != nil {
		return err
	}
	files, err := generate(src, hand)
	if err != nil {
		return err
	}
	for _, f := range files {
		path := filepath.Join(*data, f.name)
		if !*check {
			if err := os.WriteFile(path, f.data, 0o644); err != nil {
				return err
			}
			continue
		}
		have, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if !bytes.Equal(have, f.data) {
			return fmt.Errorf("%s is not what the sources give; run cataloggen", path)
		}
	}
	for _, f := range files {
		if _, err := fmt.Fprintf(out, "%s: %d lines\n", f.name, bytes.Count(f.data, []byte("\n"))); err != nil {
			return err
		}
	}
	return nil
}
