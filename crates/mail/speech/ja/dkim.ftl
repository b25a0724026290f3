### DKIM: 各規則の説明文。引数は Step のもの。

dkim-signature = { $domain } による署名（セレクター { $selector }、{ $algorithm }）
dkim-key = 鍵は { $name } にある（{ $kind }、{ $bits } ビット）
dkim-testing = { $name } によれば、このドメインは DKIM を試験中
dkim-header-fits = 署名はヘッダーと一致（h= のフィールド名 { $count } 個、{ $way }）
dkim-body-fits = 本文は署名時のまま（{ $count } オクテット、{ $way }）
dkim-body-differs-too = 本文も変更されている: bh= は { $signed }…、現在のハッシュは { $found }…
dkim-length = l= による署名の範囲は、本文 { $total } オクテットのうち先頭の { $length } オクテットのみ
dkim-valid = 署名は有効
dkim-signed-fields = 署名されたフィールド（h=）: { $fields }
dkim-absent-fields = h= にあるがこのメールにないフィールド（途中で削られたか、追加を防ぐための指定）: { $fields }
dkim-repeated-fields = このメールに複数あるフィールド（途中で追加された可能性がある）: { $fields }
dkim-simple-header = ヘッダーの署名は c=simple で、行の折り返しが変わるだけで壊れる
dkim-simple-body = 本文の署名は c=simple で、行末の空白が削られるだけで壊れる
dkim-unexamined = 残り { $count } 個の署名は検査していない（1 通あたりの上限は { $limit } 個）

dkim-malformed = フィールドが「タグ=値」の並びになっていない
dkim-duplicate-tag = タグ { $tag }= が重複している
dkim-missing-tag = タグ { $tag }= がない
dkim-bad-octets = { $tag }= の値に制御文字または不正な改行がある
dkim-bad-value = { $tag }= の値「{ $value }」を解釈できない
dkim-version = v={ $value } という DKIM の版はない（あるのは 1 のみ）
dkim-algorithm = a={ $value } は未知のアルゴリズム
dkim-canonicalization = c={ $value } は未知の正規化方式
dkim-query = q={ $value } に既知の鍵取得方法（dns/txt）がない
dkim-from-not-signed = h= に From がなく、差出人が署名されていない
dkim-identity-outside = i= の { $identity } は d={ $domain } の範囲外
dkim-expiry-order = 有効期限（x={ $expiry }）が署名時刻（t={ $signed }）より後になっていない
dkim-expired = 署名は { $expiry } に期限切れ
dkim-future = 署名時刻 { $signed } が未来になっている
dkim-key-unavailable = { $name } の鍵を今は取得できない
dkim-key-absent = { $name } に鍵がない
dkim-key-revoked = { $name } の鍵は失効している（p= が空）
dkim-key-malformed = { $name } の鍵を解釈できない
dkim-key-type = { $name } の鍵は { $algorithm } に合う種類ではない
dkim-key-hash = { $name } の鍵は SHA-256 を許していない（h=）
dkim-key-service = { $name } の鍵はメール用ではない（s=）
dkim-key-strict = { $name } の鍵は i= にサブドメインを許していない（t=s）
dkim-key-short = { $name } の RSA 鍵は { $bits } ビットで、1024 ビット未満のため受け付けない
dkim-key-long = { $name } の RSA 鍵は { $bits } ビットで、4096 ビットを超えるため受け付けない
dkim-sha1 = 署名が SHA-1 を使っており、もはや何の証明にもならない
dkim-header-differs = 鍵は一致するが、署名後にヘッダーが変更されている
dkim-key-differs = 鍵が署名と一致しない: 別の鍵による署名か、署名の破損
dkim-signature-differs = 署名が一致しない: ヘッダーの変更か、別の鍵による署名
dkim-body-differs = 署名後に本文が変更されている: bh= は { $signed }…、現在のハッシュは { $found }…
dkim-length-beyond = l= は { $length } オクテットだが、本文は { $total } オクテットしかない
dkim-uncovered = l= の範囲より後ろに本文が { $rest } オクテットあり、誰でも追加できた
dkim-body-not-hashed = 本文が計画どおりにハッシュされなかった（Sekisho の不具合）
