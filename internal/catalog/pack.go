package catalog

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// maxPacked bounds what a packed catalogue may grow to, in bytes.
const maxPacked = 64 << 20

// Pack is the whole of d, compressed: what is kept so that a decision can be made again
// when this catalogue is no longer the current one.
func (d Data) Pack() ([]byte, error) {
	var out bytes.Buffer
	z, err := flate.NewWriter(&out, flate.DefaultCompression)
	if err != nil {
		return nil, err
	}
	err = json.MarshalWrite(z, d,
		json.OmitZeroStructFields(true), json.Deterministic(true),
		json.WithMarshalers(json.MarshalToFunc(func(e *jsontext.Encoder, t time.Duration) error {
			return e.WriteToken(jsontext.Int(int64(t)))
		})))
	if err := errors.Join(err, z.Close()); err != nil {
		return nil, fmt.Errorf("catalog: pack %s: %w", d.Version, err)
	}
	return out.Bytes(), nil
}

// Unpack is the reverse of [Data.Pack]. Members that this build does not know are
// passed over.
func Unpack(packed []byte) (Data, error) {
	var d Data
	text := io.LimitReader(flate.NewReader(bytes.NewReader(packed)), maxPacked)
	err := json.UnmarshalRead(text, &d,
		json.WithUnmarshalers(json.UnmarshalFromFunc(func(in *jsontext.Decoder, t *time.Duration) error {
			token, err := in.ReadToken()
			if err != nil {
				return err
			}
			if token.Kind() != '0' {
				return errors.New("want nanoseconds")
			}
			n, err := token.Int()
			*t = time.Duration(n)
			return err
		})))
	for i := range d.Models {
		if slices.Contains(d.Models[i].Endpoints, nil) {
			err = errors.Join(err, errors.New("an endpoint is null"))
		}
	}
	if err != nil {
		return Data{}, fmt.Errorf("catalog: unpack: %w", err)
	}
	return d, nil
}
