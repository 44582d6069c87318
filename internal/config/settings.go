package config

import (
	"errors"
	"fmt"
	"math"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/egress"
)

// setting is a scalar of the file that is not inside an entry. Being in this
// table is what makes it a key and gives it a variable.
type setting struct {
	key string // "timeouts.first_byte"
	set func(text string) error
}

// variable is TURNPIKE_ and the key in capitals: TURNPIKE_TIMEOUTS_FIRST_BYTE.
func (s setting) variable() string {
	return "TURNPIKE_" + strings.ToUpper(strings.ReplaceAll(s.key, ".", "_"))
}

// secret reports whether the value may hold a password.
func (s setting) secret() bool { return s.key == "valkey" }

func (c *Config) settings() []setting {
	return []setting{
		{"listen", into(&c.Listen, parseListen)},
		{"database", into(&c.Database, parseDatabase)},
		{"valkey", into(&c.Valkey, parseValkey)},
		{"public_url", into(&c.PublicURL, parsePublicURL)},
		{"catalog.builtin", into(&c.Catalog.Builtin, parseBool)},
		{"sim", into(&c.Sim, parseBool)},
		{"discover", into(&c.Discover, parseBool)},
		{"timeouts.connect", into(&c.Timeouts.Connect, parseDuration)},
		{"timeouts.first_byte", into(&c.Timeouts.FirstByte, parseDuration)},
		{"timeouts.idle", into(&c.Timeouts.Idle, parseDuration)},
		{"timeouts.attempt", into(&c.Timeouts.Attempt, parseDuration)},
		{"timeouts.total", into(&c.Timeouts.Total, parseDuration)},
		{"timeouts.keepalive", into(&c.Timeouts.KeepAlive, parseDuration)},
		{"timeouts.drain", into(&c.Timeouts.Drain, parseDuration)},
		{"timeouts.session", into(&c.Timeouts.Session, parseDuration)},
		{"limits.body", into(&c.Limits.Body, parseSize)},
		{"limits.attempts", into(&c.Limits.Attempts, parseAttempts)},
		{"limits.free.requests_per_minute", into(&c.Limits.Free.PerMinute, parseRate)},
		{"limits.free.requests_per_day", into(&c.Limits.Free.PerDay, parseRate)},
		{"limits.free.requests_per_day_funded", into(&c.Limits.Free.PerDayFunded, parseRate)},
		{"response_cache.enabled", into(&c.ResponseCache.Enabled, parseBool)},
		{"response_cache.memory", into(&c.ResponseCache.Memory, parseSize)},
		{"probes.every", into(&c.Probes.Every, ParseAge)},
		{"records.decisions", into(&c.Records.Decisions, ParseAge)},
		{"io_logging.enabled", into(&c.IOLogging.Enabled, parseBool)},
		{"io_logging.retention", into(&c.IOLogging.Retention, parseKept)},
		{"io_logging.max_bytes", into(&c.IOLogging.MaxBytes, parseMaxBytes)},
		{"policy.file", into(&c.Policy.File, plain)},
		{"keys.revoked", into(&c.Keys.Revoked, parseRevoked)},
		{"ledger.sync", into(&c.Ledger.Sync, parseSync)},
	}
}

func into[T any](target *T, parse func(string) (T, error)) func(string) error {
	return func(text string) error {
		v, err := parse(text)
		if err != nil {
			return err
		}
		*target = v
		return nil
	}
}

func parseBool(s string) (bool, error) {
	switch s {
	case "true", "1":
		return true, nil
	case "false", "0":
		return false, nil
	}
	return false, fmt.Errorf("%q is neither true nor false", s)
}

func parseDuration(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("%q is not a duration such as 30s or 5m", s)
	}
	return d, nil
}

// ParseAge reads a time for which something is kept: a duration, whole days such as
// 30d, or 0.
func ParseAge(s string) (time.Duration, error) {
	const most = 36500 // a century
	if s == "0" {
		return 0, nil
	}
	if days, ok := strings.CutSuffix(s, "d"); ok {
		if n, err := parseCount(days); err == nil && n <= most {
			return time.Duration(n) * 24 * time.Hour, nil
		}
	}
	if d, err := parseDuration(s); err == nil {
		return d, nil
	}
	return 0, fmt.Errorf("%q is neither a time such as 30d or 12h nor 0", s)
}

// parseKept is [ParseAge] for what is kept at all.
func parseKept(s string) (time.Duration, error) {
	d, err := ParseAge(s)
	if err != nil || d == 0 {
		return 0, fmt.Errorf("%q is not a time such as 30d or 12h", s)
	}
	return d, nil
}

// parseMaxBytes reads how much of one generation is kept, of which many may wait in memory.
func parseMaxBytes(s string) (int64, error) {
	const most = 4 << 20
	n, err := parseSize(s)
	if err != nil {
		return 0, err
	}
	if n > most {
		return 0, fmt.Errorf("%q is more than 4MiB", s)
	}
	return n, nil
}

func parseCount(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n <= 0 {
		return 0, fmt.Errorf("%q is not a whole number above zero", s)
	}
	return n, nil
}

// parseRate reads how often something may be asked; 0: as often as anybody likes.
func parseRate(s string) (int64, error) {
	const most = 1_000_000_000
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || n > most {
		return 0, fmt.Errorf("%q is not a whole number of 0 (no limit) to %d", s, most)
	}
	return n, nil
}

func parseAttempts(s string) (int, error) {
	const most = 64
	return parseUpTo(s, most)
}

// parseSize reads a count of bytes: "32MiB", "10MB", "65536".
func parseSize(s string) (int64, error) {
	const least = 1 << 10
	bad := fmt.Errorf("%q is not a size such as 32MiB", s)
	digits := strings.TrimRight(s, "KMGiB")
	var unit int64
	switch s[len(digits):] {
	case "", "B":
		unit = 1
	case "KiB":
		unit = 1 << 10
	case "MiB":
		unit = 1 << 20
	case "GiB":
		unit = 1 << 30
	case "KB":
		unit = 1e3
	case "MB":
		unit = 1e6
	case "GB":
		unit = 1e9
	default:
		return 0, bad
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64/unit {
		return 0, bad
	}
	if n*unit < least {
		return 0, fmt.Errorf("%q is less than 1KiB", s)
	}
	return n * unit, nil
}

func parseSync(s string) (Sync, error) {
	switch v := Sync(s); v {
	case SyncNormal, SyncFull:
		return v, nil
	}
	return "", fmt.Errorf("%q is neither normal nor full", s)
}

func parseRevoked(s string) (Revoked, error) {
	switch v := Revoked(s); v {
	case RevokedFinish, RevokedStop:
		return v, nil
	}
	return "", fmt.Errorf("%q is neither finish nor stop", s)
}

func parseListen(s string) (string, error) {
	_, port, err := net.SplitHostPort(s)
	if err != nil {
		return "", fmt.Errorf("%q is not host:port", s)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil {
		return "", fmt.Errorf("%q: %q is not a port", s, port)
	} else if n == 0 && port != "0" {
		return "", fmt.Errorf("%q: %q is not a port", s, port)
	}
	return s, nil
}

// parseDatabase never repeats the value: it may hold a password.
func parseDatabase(s string) (string, error) {
	scheme, rest, ok := strings.Cut(s, "://")
	switch {
	case !ok || rest == "":
		return "", errors.New("not of the form sqlite://path")
	case scheme != "sqlite":
		return "", fmt.Errorf("%q is no database of this build: it has sqlite://path", scheme)
	}
	return s, nil
}

// parseValkey never repeats the value: it may hold a password.
func parseValkey(s string) (string, error) {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Hostname() == "" || u.Opaque != "":
		return "", errors.New("not of the form redis://user:password@host:port/database")
	case u.Scheme != "redis" && u.Scheme != "rediss" && u.Scheme != "valkey" && u.Scheme != "valkeys":
		return "", fmt.Errorf("%q is none of redis, rediss, valkey, valkeys", u.Scheme)
	}
	if number := strings.TrimPrefix(u.Path, "/"); number != "" {
		if _, err := strconv.ParseUint(number, 10, 16); err != nil {
			return "", errors.New("what follows the host is not the number of a database")
		}
	}
	return s, nil
}

func parsePublicURL(s string) (string, error) {
	s, err := parseURL(s)
	if err != nil {
		return "", err
	}
	return strings.TrimRight(s, "/"), nil
}

// parseURL accepts what the egress door would.
func parseURL(s string) (string, error) {
	if _, err := egress.ParseURL(s); err != nil {
		why := strings.TrimPrefix(err.Error(), egress.ErrURL.Error()+": ")
		return "", fmt.Errorf("not an http or https URL (%s)", why)
	}
	return s, nil
}

// parseBaseURL also refuses a query and drops slashes at the end: paths are
// appended to what it returns.
func parseBaseURL(s string) (string, error) {
	if strings.Contains(s, "${") {
		return "", errors.New("variables are expanded in secrets only")
	}
	s, err := parseURL(s)
	if err != nil {
		return "", err
	}
	if u, err := url.Parse(s); err != nil || u.RawQuery != "" || u.ForceQuery {
		return "", errors.New("must not have a query")
	}
	return strings.TrimRight(s, "/"), nil
}
