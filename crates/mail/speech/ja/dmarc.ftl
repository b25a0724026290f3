### DMARC: 各規則の説明文。引数は Step のもの。

## 成功したもの: SPF または DKIM

dmarc-mechanism = { $mechanism ->
    [spf] SPF
    [dkim] DKIM
   *[other] { $mechanism }
}

## 各規則

dmarc-author = 差出人ドメインは { $domain }
dmarc-no-author = 差出人ドメインが一つに定まらないため判定できない（{ $reason }）
dmarc-record = _dmarc.{ $name } の記載: { $record }
dmarc-record-absent = _dmarc.{ $name } にポリシーレコードはない
dmarc-record-several = _dmarc.{ $name } にポリシーレコードが { $count } 件あり、すべて無効とする
dmarc-record-unavailable = _dmarc.{ $name } を今は取得できない
dmarc-record-as-none = タグ { $tag } がないか誤っているが、レポートの宛先（rua=）があるため p=none とみなす
dmarc-record-unusable = タグ { $tag } がないか誤っており、レポートの宛先（rua=）もないため DMARC は適用されない
dmarc-walk = { $name } から上位へたどって組織ドメインを探す
dmarc-walk-found = _dmarc.{ $name } の記載: { $record }
dmarc-walk-absent = _dmarc.{ $name } にポリシーレコードはない
dmarc-walk-several = _dmarc.{ $name } にポリシーレコードが { $count } 件あり、すべて無効とする
dmarc-walk-unavailable = _dmarc.{ $name } を今は取得できず、探索を打ち切る
dmarc-organization-psd-n = { $name } の組織ドメインは { $organization }（レコードに psd=n とある）
dmarc-organization-below-psd = { $name } の組織ドメインは { $organization }（公開サフィックス psd=y の一つ下）
dmarc-organization-fewest-labels = { $name } の組織ドメインは { $organization }（レコードのある最も短い名前）
dmarc-organization-itself = { $name } の組織ドメインは { $organization } 自身（上位にレコードが見つからない）
dmarc-organization-by-suffix-list = 旧規則（公開サフィックスリスト）では、{ $domain } の組織ドメインは { $organization } ではなく { $listed } となる
dmarc-no-record-anywhere = { $domain } のポリシーはどこにも公開されておらず、DMARC は適用されない
dmarc-policy = 適用されるポリシーは { $policy }（{ $domain } のタグ { $tag }）
dmarc-existence-unknown = { $domain } が存在するか今は確認できず、ポリシーがそれ次第で変わる（np=）
dmarc-author-does-not-exist = { $domain } は DNS に存在しない
dmarc-aligned-same = { dmarc-mechanism } は差出人ドメイン { $domain } そのもので成功: アライメント成立
dmarc-aligned-organization = { dmarc-mechanism } は { $author } と同じ組織 { $organization } の { $domain } で成功: アライメント成立
dmarc-unaligned-strict = { dmarc-mechanism } は { $domain } で成功したが、strict では { $author } との完全一致が必要: アライメント不成立
dmarc-unaligned-organization = { dmarc-mechanism } は { $domain } で成功したが、{ $author } とは別の組織: アライメント不成立
dmarc-alignment-unknown = { $domain }（{ dmarc-mechanism }）が { $author } と同じ組織か、今は確認できない
dmarc-identifier-temperror = { $domain } の { dmarc-mechanism } はアライメントが成立するはずだが、今は判定できない
dmarc-signatures-uncounted = DKIM は成功したが、署名されていないフィールドを見たり、途中でヘッダーが終わるとみなすメールソフトがあるため、数えない
dmarc-signature-leaves-second = { $domain } の DKIM は成功したが、数えない: 一つしか許されない { $field } フィールドが { $there } 個あり、署名されているのは { $signed } 個のみ
dmarc-signature-leaves-spaced = { $domain } の DKIM は成功したが、数えない: コロンの前に空白のある { $field } が署名されておらず、そこでヘッダーが終わるとみなすメールソフトがある
dmarc-no-identifier = SPF も DKIM も、どのドメインでも成功していない
dmarc-no-signature = DKIM はどのドメインでも成功していない
dmarc-spf-unasked = SPF は未検査で、結果次第で判定が変わりうる: { $domain } またはその組織のドメインで成功すれば DMARC も成功する
dmarc-pass = { $domain } が、このメールを自らのものと認めている
dmarc-fail = { $domain } からのメールであることを示すものがない
dmarc-temperror = DNS の応答が得られるまで { $domain } を判定できない
dmarc-testing = ドメインは試験運用中（t=y）のため、{ $policy } を { $disposition } に下げる
dmarc-broken-off = Sekisho の不具合により、DMARC を最後まで判定できなかった
