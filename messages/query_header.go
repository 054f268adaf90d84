package messages

// QueryMessageHeader is the header of QUERY_MESSAGE.
type QueryMessageHeader struct {
	Topic, Key string
	MaxNum     int32
	Begin, End int64 // Unix milliseconds
	UniqueKey  bool  // the key is a producer's message id
	Tags       bool  // the key is a tags string
}

// ParseQueryMessage parses the header of QUERY_MESSAGE.
func ParseQueryMessage(ext *Ext) (q QueryMessageHeader, err error) {
	if q.Topic, err = ext.RequiredText("topic"); err != nil {
		return q, err
	}
	if q.Key, err = ext.RequiredText("key"); err != nil {
		return q, err
	}
	if q.MaxNum, err = ext.Int32("maxNum"); err != nil {
		return q, err
	}
	if q.Begin, err = ext.Int64("beginTimestamp"); err != nil {
		return q, err
	}
	if q.End, err = ext.Int64("endTimestamp"); err != nil {
		return q, err
	}
	q.UniqueKey = ext.Bool("_UNIQUE_KEY_QUERY")
	q.Tags = ext.Text("indexType") == "T"
	return q, nil
}
