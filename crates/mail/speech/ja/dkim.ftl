### DKIM: 署名の判定が語る文

dkim-signature = { $domain } の署名（セレクター { $selector }、{ $algorithm }）
dkim-key = 鍵は { $name } にある（{ $kind }、{ $bits } ビット）
dkim-testing = { $name } によれば、このドメインは DKIM を試験中
dkim-header-fits = 署名はヘッダーと一致（h= のフィールド名 { $count } 個、{ $way }）
dkim-body-fits = 本文のハッシュは署名どおり（{ $count } オクテット、{ $way }）
dkim-body-differs-too = 本文も異なる。署名時は { $signed }…、実際は { $found }…
dkim-length = l= の署名範囲は本文 { $total } オクテットのうち先頭の { $length } オクテットのみ
dkim-valid = 署名は有効
dkim-signed-fields = h= が署名したフィールド: { $fields }
dkim-absent-fields = このメールにないフィールド（途中で削られたか、署名者が追加を禁じただけ）: { $fields }
dkim-repeated-fields = このメールに複数あるフィールド（途中で足された可能性がある）: { $fields }
dkim-simple-header = ヘッダーの署名は c=simple。行の折り返しが変わるだけで壊れる
dkim-simple-body = 本文の署名は c=simple。行末の空白が削られるだけで壊れる
dkim-unexamined = 残り { $count } 個の署名は検査していない（1 通あたりの上限は { $limit } 個）

dkim-malformed = フィールドが「タグ=値」の並びになっていない
dkim-duplicate-tag = タグ { $tag }= が重複している
dkim-missing-tag = タグ { $tag }= がない
dkim-bad-octets = { $tag }= の値に制御文字または不正な改行がある
dkim-bad-value = { $tag }= の値「{ $value }」を読み取れない
dkim-version = v={ $value } という DKIM の版はない（あるのは 1 のみ）
dkim-algorithm = a={ $value } は未知のアルゴリズム
dkim-canonicalization = c={ $value } は未知の正規化方式
dkim-query = q={ $value } に既知の鍵取得方法（dns/txt）がない
dkim-from-not-signed = h= に From がなく、作成者が署名されていない
dkim-identity-outside = i= の { $identity } は d={ $domain } の範囲外
dkim-expiry-order = 有効期限（x={ $expiry }）が署名時刻（t={ $signed }）より後になっていない
dkim-expired = 署名は { $expiry } に期限切れ
dkim-future = 署名時刻 { $signed } はまだ来ていない
dkim-key-unavailable = { $name } の鍵は今は取得できない
dkim-key-absent = { $name } に鍵がない
dkim-key-revoked = { $name } の鍵は失効している（p= が空）
dkim-key-malformed = { $name } の鍵を読み取れない
dkim-key-type = { $name } の鍵は { $algorithm } に合う種類ではない
dkim-key-hash = { $name } の鍵は SHA-256 を許していない（h=）
dkim-key-service = { $name } の鍵はメール用ではない（s=）
dkim-key-strict = { $name } の鍵は i= にサブドメインを許していない（t=s）
dkim-key-short = { $name } の RSA 鍵は { $bits } ビット。1024 ビット未満は受け付けない
dkim-key-long = { $name } の RSA 鍵は { $bits } ビット。4096 ビット超は受け付けない
dkim-sha1 = 署名が SHA-1 を使っており、もはや何の証明にもならない
dkim-header-differs = 鍵は合うが、ヘッダーが署名時と異なる
dkim-key-differs = この鍵では署名を開けない。別の鍵による署名か、署名の破損
dkim-signature-differs = 署名が合わない。ヘッダーの改変か、別の鍵による署名
dkim-body-differs = 本文が署名時と異なる。署名時は { $signed }…、実際は { $found }…
dkim-length-beyond = l= は { $length } オクテットを署名しているが、本文は { $total } オクテットしかない
dkim-uncovered = l= の範囲より後ろに本文が { $rest } オクテットあり、誰が書いたか分からない
dkim-body-not-hashed = 本文が計画どおりにハッシュされなかった（Sekisho 側の不具合）
