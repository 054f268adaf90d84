package fastjson

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestStandardMakesJSON(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"a number as key", `{0:"a",12:"b"}`, `{"0":"a","12":"b"}`},
		{"a negative number as key", `{-1:2}`, `{"-1":2}`},
		{"a word as key", `{$ref:1}`, `{"$ref":1}`},
		{"an object as key", `{{"topic":"T","queueId":0}:7}`, `{"{\"topic\":\"T\",\"queueId\":0}":7}`},
		{"two objects as keys", `{{"a":1}:7,{"a":2}:8}`, `{"{\"a\":1}":7,"{\"a\":2}":8}`},
		{"an object as key, with what needs escapes", `{{"a":"\"\\\n"}:7}`, `{"{\"a\":\"\\\"\\\\\\n\"}":7}`},
		{"a number as key in an object that is a key", `{{0:1}:2}`, `{"{\"0\":1}":2}`},
		{"an object as key in an object that is a key", `{{{"a":1}:2}:3}`, `{"{\"{\\\"a\\\":1}\":2}":3}`},
		{"white space", "{ 0 :\t[ 1 , 2 ]\r\n}", `{"0":[1,2]}`},
		{"single quotes", `{'a':'b"c'}`, `{"a":"b\"c"}`},
		{"an escaped single quote", `{'a':'b\'c'}`, `{"a":"b'c"}`},
		{"escapes", `{0:"\u00e9\n\/"}`, `{"0":"\u00e9\n\/"}`},
		{"a control character in a string", "{0:\"a\tb\x1f\"}", `{"0":"a\u0009b\u001f"}`},
		{"a comma too many", `{0:[1,2,],}`, `{"0":[1,2]}`},
		{"other values", `{0:null,1:true,2:-1.5e3,3:[],4:{}}`, `{"0":null,"1":true,"2":-1.5e3,"3":[],"4":{}}`},
		{"text beyond ASCII", `{0:"标签"}`, `{"0":"标签"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.False(t, json.Valid([]byte(c.in)))
			got, err := Standard([]byte(c.in))
			require.NoError(t, err)
			require.Equal(t, c.want, string(got))
			require.True(t, json.Valid(got))
		})
	}
}

func TestStandardKeepsJSONAsItIs(t *testing.T) {
	for _, text := range []string{`{}`, `[]`, `7`, `"{0:1}"`, ` {"a" : [1, {"b":null}]} `, `{"0":"a"}`} {
		in := []byte(text)
		got, err := Standard(in)
		require.NoError(t, err)
		require.Equal(t, text, string(got))
		require.Same(t, &in[0], &got[0], "no copy is made")
	}
}

func TestStandardRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":                        ``,
		"white space":                    "\n ",
		"an object that is cut off":      `{0:1`,
		"a string that is cut off":       `{0:"a`,
		"an escape that is cut off":      `{0:"\`,
		"a unicode escape cut off":       `{0:"\u12`,
		"an unknown escape":              `{0:"\q"}`,
		"no value":                       `{0}`,
		"no key":                         `{:1}`,
		"a comma first":                  `[,1]`,
		"two commas":                     `[1,,2]`,
		"the wrong bracket":              `{0:[1}]`,
		"more after the end":             `{0:1}{`,
		"a word that is no value":        `{0:NaN}`,
		"a list as key":                  `{[1]:2}`,
		"lists nested without end":       strings.Repeat("[", 1<<20),
		"keys nested without end":        strings.Repeat("{", 1<<20),
		"objects as keys of keys of key": `{{{{0:1}:1}:1}:1}`,
		"lists nested too deeply":        "{0:" + strings.Repeat("[", maxDepth+1) + strings.Repeat("]", maxDepth+1) + "}",
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Standard([]byte(text))
			require.ErrorIs(t, err, ErrSyntax)
			require.Nil(t, got)
		})
	}
}

func TestUnmarshal(t *testing.T) {
	var v map[int]string
	require.NoError(t, Unmarshal([]byte(`{0:"a",7:"b"}`), &v))
	require.Equal(t, map[int]string{0: "a", 7: "b"}, v)
	require.ErrorIs(t, Unmarshal([]byte(`{0:`), &v), ErrSyntax)
	var wrongType *json.UnmarshalTypeError
	require.ErrorAs(t, Unmarshal([]byte(`{0:1}`), &v), &wrongType)
}

// What comes out is JSON, and making JSON of it once more changes nothing. It is
// not much larger than what went in: a byte becomes at most six, and its
// backslashes double in each object around it that is a key.
func FuzzStandard(f *testing.F) {
	for _, seed := range []string{
		`{0:"a"}`, `{{"topic":"T","queueId":0}:7}`, `{'a':'b',}`, `{"$ref":"$"}`, `[1,2,]`, "{0:\"\x01\\u00e9\"}", `{{{0:1}:1}:1}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		before := bytes.Clone(in)
		out, err := Standard(in)
		require.Equal(t, before, in)
		if err != nil {
			require.ErrorIs(t, err, ErrSyntax)
			return
		}
		require.True(t, json.Valid(out), "%q", out)
		require.LessOrEqual(t, len(out), 24*len(in))
		again, err := Standard(out)
		require.NoError(t, err)
		require.Equal(t, out, again)
	})
}

func BenchmarkStandard(b *testing.B) {
	entry := `{"brokerName":"broker-a","queueId":3,"topic":"Topic"}:{"brokerOffset":8,"consumerOffset":2,"lastTimestamp":1700000000000,"pullOffset":6},`
	table := []byte("{" + strings.Repeat(entry, 100) + "}")
	standard, err := Standard(table)
	require.NoError(b, err)
	for name, text := range map[string][]byte{"object keys": table, "already JSON": standard} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				if _, err := Standard(text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
