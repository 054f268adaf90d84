package messages

// languageNames are the names that Java writes for languages, by code.
var languageNames = [...]string{
	"JAVA", "CPP", "DOTNET", "PYTHON", "DELPHI", "ERLANG", "RUBY", "OTHER", "HTTP", "GO", "PHP", "OMS", "RUST", "NODE_JS",
}

// String returns the name that Java knows the language by.
func (l Language) String() string {
	if int(l) < len(languageNames) {
		return languageNames[l]
	}
	return languageNames[Other]
}

// ParseLanguage returns the language of that name or, in decimal, of that code;
// Other when there is none.
func ParseLanguage(text []byte) Language {
	for i, name := range languageNames {
		if string(text) == name {
			return Language(i)
		}
	}
	if n, ok := parseInt(text); ok && n >= 0 && n < int64(len(languageNames)) {
		return Language(n)
	}
	return Other
}
