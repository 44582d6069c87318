package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/turnpike-gateway/turnpike/internal/money"
	"github.com/turnpike-gateway/turnpike/internal/route"
)

// printPlan writes an explanation for people: who is asked in which order, and who is
// left out by which rule. marks says more of an endpoint in a column of the name; both
// may be empty.
func (a app) printPlan(x *route.Explanation, column string, marks map[string]string) error {
	if x.Refusal != nil {
		fmt.Fprintf(a.out, "refused: %d %s", x.Refusal.Status, x.Refusal.Type)
		if x.Refusal.Code != "" {
			fmt.Fprintf(a.out, " (%s)", x.Refusal.Code)
		}
		fmt.Fprintf(a.out, "\n%s\n", x.Refusal.Message)
	}
	plain := app{out: a.out}
	if len(x.Candidates) > 0 {
		head := []string{"RANK", "ENDPOINT", "WHY", "FIRST", "PROMPT $/M", "COMPLETION $/M", "EXPECTED", "LATENCY", "TOKENS/S", "STANDING"}
		if column != "" {
			head = append(head, column)
		}
		rows := make([][]string, len(x.Candidates))
		for i := range x.Candidates {
			rows[i] = choiceRow(&x.Candidates[i])
			if column != "" {
				rows[i] = append(rows[i], or(marks[x.Candidates[i].Endpoint], "-"))
			}
		}
		if err := plain.print(nil, head, rows); err != nil {
			return err
		}
	}
	if len(x.Excluded) > 0 {
		fmt.Fprintln(a.out)
		rows := make([][]string, len(x.Excluded))
		for i, e := range x.Excluded {
			rule := e.Rule
			if e.Detail != "" {
				rule += " (" + e.Detail + ")"
			}
			rows[i] = []string{e.Endpoint, rule, or(e.Remedy, "-")}
		}
		if err := plain.print(nil, []string{"LEFT OUT", "BY", "WHAT WOULD ADMIT IT"}, rows); err != nil {
			return err
		}
	}
	fmt.Fprintf(a.out, "\n%d endpoints considered; catalogue %s, seed %d.\n", x.Considered, x.Snapshot, x.Seed)
	return nil
}

func choiceRow(c *route.ExplainedChoice) []string {
	why := c.Why
	if c.StickyTokens > 0 {
		why += fmt.Sprintf(" (%d tokens cached)", c.StickyTokens)
	}
	chance := "-"
	if c.Chance != nil {
		chance = strconv.FormatFloat(math.Round(float64(*c.Chance)*1000)/10, 'f', -1, 64) + "%"
	}
	standing := c.Standing.Grade
	if c.Standing.Trial {
		standing += ", on trial"
	}
	if c.Resting > 0 {
		standing += fmt.Sprintf(", rests %.0fs", c.Resting)
	}
	return []string{
		strconv.Itoa(c.Rank), c.Endpoint, why, chance, millions(c.Pricing.Prompt), millions(c.Pricing.Completion),
		usd(money.Nano(c.ExpectedCost).String()), seconds(c.Standing.LatencyP50), speed(c.Standing.ThroughputP50), standing,
	}
}

func millions(perToken string) string {
	p, err := money.ParsePico(perToken)
	if err != nil {
		return "-"
	}
	return (p * 1_000_000).String()
}

// seconds and speed are "-" for what is not known.
func seconds(s float64) string {
	if s == 0 {
		return "-"
	}
	return strconv.FormatFloat(s, 'f', 3, 64) + "s"
}

func speed(perSecond float64) string {
	if perSecond == 0 {
		return "-"
	}
	return strconv.FormatFloat(perSecond, 'f', 1, 64)
}

func or(text, otherwise string) string {
	if strings.TrimSpace(text) == "" {
		return otherwise
	}
	return text
}
