// Package jsonfile keeps small state in JSON files below config/, as Apache's
// brokers do (RocketMQ: ConfigManager). A save keeps the previous content in
// X.bak; a load takes X, or X.bak when X is missing or unreadable. A save that
// fails, be it by a crash or a full disk, leaves either as it was, or as it was
// to become: both are first written aside, and then renamed.
package jsonfile

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"

	"github.com/actormq/actormq/messages/fastjson"
	"github.com/actormq/actormq/storage/vfs"
)

// maxSize bounds what is read, in bytes.
const maxSize = 1 << 30

// Encode encodes v the way Save writes it.
func Encode(v any) ([]byte, error) { return json.MarshalIndent(v, "", "\t") }

// Load reads name into v. When neither the file nor its backup exists, v stays as
// it is. It fails when what there is cannot be decoded.
func Load(fsys vfs.FS, name string, v any) error {
	first := load(fsys, name, v)
	if first == nil {
		return nil
	}
	second := load(fsys, name+".bak", v)
	switch {
	case second == nil:
		return nil
	case errors.Is(first, fs.ErrNotExist) && errors.Is(second, fs.ErrNotExist):
		return nil
	case errors.Is(second, fs.ErrNotExist):
		return fmt.Errorf("%s: %w", name, first)
	default:
		return fmt.Errorf("%s: %w", name, errors.Join(first, second))
	}
}

var errEmpty = errors.New("the file is empty")

func load(fsys vfs.FS, name string, v any) error {
	b, err := read(fsys, name)
	if err != nil {
		return err
	}
	return fastjson.Unmarshal(b, v)
}

func read(fsys vfs.FS, name string) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	if size == 0 {
		return nil, errEmpty
	}
	if size > maxSize {
		return nil, fmt.Errorf("%d bytes are too many", size)
	}
	b := make([]byte, size)
	if _, err := f.ReadAt(b, 0); err != nil && err != io.EOF {
		return nil, err
	}
	return b, nil
}

// Save writes v to name, and what was there to the backup, unless it is not good
// itself. It returns when the new content is durable.
func Save(fsys vfs.FS, name string, v any) error {
	b, err := Encode(v)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if err := fsys.MkdirAll(path.Dir(name)); err != nil {
		return err
	}
	old, err := read(fsys, name)
	if err == nil {
		_, err = fastjson.Standard(old)
	}
	if err == nil {
		if err := replace(fsys, name+".bak", old); err != nil {
			return err
		}
	}
	if err := replace(fsys, name, b); err != nil {
		return err
	}
	return fsys.SyncDir(path.Dir(name))
}

// Edit replaces what a file of any kind holds, as Save does.
func Edit(fsys vfs.FS, name string, edit func(old []byte) []byte) error {
	old, err := read(fsys, name)
	switch {
	case errors.Is(err, errEmpty), errors.Is(err, fs.ErrNotExist):
		old = nil
	case err != nil:
		return err
	default:
		if err := replace(fsys, name+".bak", old); err != nil {
			return err
		}
	}
	if err := replace(fsys, name, edit(old)); err != nil {
		return err
	}
	return fsys.SyncDir(path.Dir(name))
}

// replace gives a file other content, all of it or none. Its place in the directory
// is not durable yet.
func replace(fsys vfs.FS, name string, b []byte) error {
	tmp := name + ".tmp"
	if err := write(fsys, tmp, b); err != nil {
		return errors.Join(err, fsys.Remove(tmp))
	}
	return fsys.Rename(tmp, name)
}

// write makes b the durable content of a file.
func write(fsys vfs.FS, name string, b []byte) error {
	f, err := fsys.Create(name)
	if err != nil {
		return err
	}
	if _, err = f.WriteAt(b, 0); err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}
