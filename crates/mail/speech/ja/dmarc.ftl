### DMARC: 各規則の説明文。引数は Step のもの。

dmarc-author = 作成者ドメインは { $domain }
dmarc-no-author = 作成者ドメインが一つに定まらないため検証できない（{ $reason }）
dmarc-record = _dmarc.{ $name } の記載: { $record }
dmarc-record-absent = _dmarc.{ $name } にポリシーレコードはない
dmarc-record-several = _dmarc.{ $name } にポリシーレコードが { $count } 件あり、すべて無効とする
dmarc-record-unavailable = _dmarc.{ $name } は現在問い合わせできない
dmarc-record-as-none = タグ { $tag } がない、または誤っているが、レポートの宛先があるため p=none とみなす
dmarc-record-unusable = タグ { $tag } がない、または誤っており、レポートの宛先もないため DMARC は適用されない
dmarc-walk = { $name } から上位へたどり、組織ドメインを探す
dmarc-walk-found = _dmarc.{ $name } の記載: { $record }
dmarc-walk-absent = _dmarc.{ $name } にポリシーレコードはない
dmarc-walk-several = _dmarc.{ $name } にポリシーレコードが { $count } 件あり、すべて無効とする
dmarc-walk-unavailable = _dmarc.{ $name } は現在問い合わせできず、探索を打ち切る
dmarc-organization-psd-n = { $name } の組織ドメインは { $organization }（レコードに psd=n とある）
dmarc-organization-below-psd = { $name } の組織ドメインは { $organization }（公開サフィックス psd=y の一つ下）
dmarc-organization-fewest-labels = { $name } の組織ドメインは { $organization }（見つかったレコードのうち最も短い名前）
dmarc-organization-itself = { $name } の組織ドメインは { $organization } 自身（上位にレコードが見つからない）
dmarc-organization-by-suffix-list = 旧規則（公開サフィックスリスト）では、{ $domain } の組織ドメインは { $organization } ではなく { $listed } となる
dmarc-no-record-anywhere = { $domain } に対するポリシーはどこにも公開されておらず、DMARC は適用されない
dmarc-policy = 適用されるポリシーは { $policy }（{ $domain } のタグ { $tag }）
dmarc-existence-unknown = { $domain } の存在を現在確認できず、np= は他のポリシーと異なる
dmarc-author-does-not-exist = { $domain } は DNS に存在しない
dmarc-aligned-same = { $mechanism } は作成者ドメイン { $domain } そのものを認証: アラインメント成立
dmarc-aligned-organization = { $mechanism } は { $domain } を認証し、{ $author } と同じ組織 { $organization } に属する: アラインメント成立
dmarc-unaligned-strict = { $mechanism } は { $domain } を認証したが、strict では { $author } との完全一致が必要: アラインメント不成立
dmarc-unaligned-organization = { $mechanism } は { $domain } を認証したが、{ $author } とは別の組織: アラインメント不成立
dmarc-alignment-unknown = { $domain }（{ $mechanism }）が { $author } と同じ組織かどうか、現在確認できない
dmarc-identifier-temperror = { $domain } に対する { $mechanism } はアラインメントが成立するはずだが、現在判定できない
dmarc-no-identifier = SPF と DKIM のいずれも、どのドメインも認証していない
dmarc-pass = { $domain } はこのメールを自らのものと認めている
dmarc-fail = 認証されたもののうち { $domain } に属するものがない
dmarc-temperror = DNS の応答が得られるまで { $domain } は判定できない
dmarc-testing = ドメインは試験運用中（t=y）: { $policy } を { $disposition } に下げる
