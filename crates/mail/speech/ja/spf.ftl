### SPF: 各規則の説明文。引数は Step のもの。

spf-asked-mail-from = { $client } は { $domain } の名でメールを送ってよいか
spf-asked-null-path = MAIL FROM が空のため HELO 名で判定: { $client } は { $domain } の名でメールを送ってよいか
spf-asked-helo = { $client } は { $domain } と名乗ってよいか
spf-domain-empty = 判定の対象となるドメイン名がない
spf-domain-literal = `{ $domain }` はドメイン名ではなくアドレスであり、SPF レコードを持てない
spf-domain-single-label = `{ $domain }` は一語だけの名前で、完全なドメイン名ではなく、SPF レコードを持てない
spf-domain-malformed = `{ $domain }` はドメイン名として正しくない

spf-record = { $name } のレコードは `{ $record }`
spf-record-absent = { $name } に SPF レコードはない
spf-record-several = { $name } に SPF レコードが { $count } 個あるが、許されるのは 1 個のみ
spf-record-unavailable = { $name } の SPF レコードを今は取得できない（{ $outcome }）

spf-odd-octet = { $name } のレコードの `{ $term }` に、表示可能な ASCII 以外の文字がある
spf-unknown-mechanism = { $name } のレコードの `{ $term }` は SPF のメカニズムではない
spf-modifier-name = { $name } のレコードの `{ $term }` は、`=` の前の修飾子名が正しくない
spf-unexpected-argument = { $name } のレコードの `{ $term }` に、このメカニズムが取らない引数がある
spf-domain-missing = { $name } のレコードの `{ $term }` にドメイン名がない
spf-domain-spec = { $name } のレコードの `{ $term }` は、完全なドメイン名で終わっていない
spf-address-as-domain = { $name } のレコードの `{ $term }` は、ドメイン名の位置にアドレスがある: 正しくは `ip4:`
spf-macro-syntax = { $name } のレコードの `{ $term }` はマクロが壊れている（`%` の後が不正）
spf-macro-exp-only = { $name } のレコードの `{ $term }` は、説明文でしか使えないマクロ文字（c、r、t）を使っている
spf-ip4-network = { $name } のレコードの `{ $term }` は IPv4 ネットワークを表していない
spf-ip6-network = { $name } のレコードの `{ $term }` は IPv6 ネットワークを表していない
spf-prefix-length = { $name } のレコードの `{ $term }` はプレフィックス長が正しくない
spf-modifier-twice = { $name } のレコードに、一度しか許されない修飾子 `{ $term }` が二度ある

spf-networks-other = { $count ->
    [1] `{ $first }` は { $client } を含まない
   *[other] `{ $first }` から `{ $last }` までの { $count } 個のネットワークは、どれも { $client } を含まない
}
spf-network-match = `{ $term }` は { $client } を含む
spf-all-match = `{ $term }` はすべてのホストに一致
spf-a-match = `{ $term }` に一致: { $name } のアドレスは { $address }
spf-a-other = `{ $term }` に不一致: { $name } のアドレス { $count } 個はどれも接続元と異なる
spf-mx-match = `{ $term }` に一致: メールサーバー { $exchange } のアドレスは { $address }
spf-mx-other = `{ $term }` に不一致: { $name } のメールサーバー { $count } 台のアドレスはどれも接続元と異なる
spf-mx-limit = `{ $term }` を判定できない: { $name } のメールサーバーが { $count } 台あり、上限の 10 台を超えている
spf-ptr-match = `{ $term }` に一致: { $client } の名前は { $host } で、その名前のアドレスも一致
spf-ptr-other = `{ $term }` に不一致: { $client } には、{ $name } かその配下であると確認できる名前がない
spf-ptr-unavailable = `{ $term }` に不一致: { $client } の名前を今は取得できない（{ $outcome }）
spf-exists-match = `{ $term }` に一致: { $name } にアドレスがある
spf-void-lookup = `{ $term }` に不一致: { $name } に { $kind } レコードがない（該当なしの問い合わせ { $count } 回目、上限 { $limit } 回）
spf-void-lookups = `{ $term }` で、該当なしの問い合わせが上限の { $limit } 回を超えた: { $name } に { $kind } レコードがない
spf-lookups = `{ $term }` は判定しない: DNS 問い合わせを伴う項が上限の { $limit } 個に達している
spf-unaskable = `{ $term }` が指す `{ $name }` はドメイン名として正しくない
spf-lookup-failed = `{ $term }` を今は判定できない: { $name } の { $kind } の問い合わせ結果は { $outcome }
spf-include = `{ $term }` により { $name } のレコードを参照
spf-include-match = `{ $term }` に一致: { $name } の結果は pass
spf-include-other = `{ $term }` に不一致: { $name } の結果は { $result }
spf-include-none = `{ $term }` を判定できない: 取り込むべき SPF レコードがない
spf-include-error = `{ $term }` を判定できない: { $name } の結果は { $result }
spf-redirect = `{ $term }` により { $name } のレコードへ引き継ぎ
spf-redirect-none = `{ $term }` を判定できない: 引き継ぐべき SPF レコードがない

spf-pass = { $domain } は { $client } を許可（{ $name } のレコードの `{ $term }` による）
spf-fail = { $domain } は { $client } を許可していない（{ $name } のレコードの `{ $term }` による）
spf-softfail = { $domain } はおそらく { $client } を許可していない（{ $name } のレコードの `{ $term }` による）
spf-neutral = { $domain } は { $client } について何も主張していない（{ $name } のレコードの `{ $term }` による）
spf-default = { $name } のレコードのどの項にも一致しないため neutral
spf-explanation = ドメイン側の説明（`{ $term }`）: { $text }
spf-explanation-absent = `{ $term }` の説明文は使えない: { $name } に本文のある TXT レコードがちょうど 1 個必要（{ $count ->
    [0] { $outcome }
   *[other] { $count } 個
}）
spf-explanation-syntax = `{ $term }` の説明文は使えない: { $name } の本文が ASCII でないか、マクロが壊れている
spf-broken-off = Sekisho の不具合により、SPF を最後まで判定できなかった
