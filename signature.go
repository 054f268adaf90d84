package actormq

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // the protocol's choice
	"encoding/base64"
	"slices"

	"github.com/actormq/actormq/messages"
)

// Credentials sign the requests of a client, for brokers and name servers with
// access control.
type Credentials struct {
	AccessKey     string
	SecretKey     string
	SecurityToken string // of temporary credentials; usually empty
}

// Names of the fields that a signature adds (RocketMQ: SessionCredentials).
const (
	fieldAccessKey     = "AccessKey"
	fieldSecurityToken = "SecurityToken"
	fieldSignature     = "Signature"
)

// sign returns a copy of request with the signature of its fields and body: the
// Base64 of the HMAC-SHA1 over the values of all fields, in the order of their
// names, and the body (RocketMQ: AclClientRPCHook, AclUtils).
func (k *Credentials) sign(request *messages.Command) *messages.Command {
	signed := *request
	signed.Ext = messages.Ext{}
	for _, f := range request.Ext.Fields() {
		if string(f.Key) != fieldSignature {
			signed.Ext.Append(f.Key, f.Value)
		}
	}
	signed.Ext.Set(fieldAccessKey, k.AccessKey)
	if k.SecurityToken != "" {
		signed.Ext.Set(fieldSecurityToken, k.SecurityToken)
	}
	fields := slices.Clone(signed.Ext.Fields())
	slices.SortFunc(fields, func(a, b messages.Field) int { return bytes.Compare(a.Key, b.Key) })
	mac := hmac.New(sha1.New, []byte(k.SecretKey))
	for _, f := range fields {
		mac.Write(f.Value)
	}
	mac.Write(request.Body)
	signed.Ext.Set(fieldSignature, base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	return &signed
}
