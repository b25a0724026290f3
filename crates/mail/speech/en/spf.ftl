### spf
