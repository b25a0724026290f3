### 監査で見つかったものと、その対処（`-advice`）。

audit-spf-absent = { $domain } に SPF レコードがない
audit-spf-absent-advice = このドメインを MAIL FROM に使うホストを書く。どこからも送らないなら "v=spf1 -all" を公開する。
audit-spf-several = { $domain } に SPF レコードが { $count } 件あり、エラーとなってどれも効かない
audit-spf-several-advice = 一つのレコードにまとめ、ほかは消す。
audit-spf-broken = { $domain } の SPF レコードは { $term } が誤っていて読めない（{ $rule }）
audit-spf-broken-advice = この項を直す。それまでは誰が送っても permerror となる。
audit-spf-unavailable = { $domain } の SPF レコードを今は取得できない（{ $outcome }）
audit-spf-unavailable-advice = { $domain } のネームサーバーが応答するか確かめる。
audit-spf-loop = { $domain } の SPF レコードは自分自身に戻ってくる
audit-spf-loop-advice = そこへ導く include または redirect を消す。
audit-spf-lookups = { $domain } の SPF レコードは参照が { $count } 回で、上限の { $limit } 回を超える。上限より後ろは permerror となる
audit-spf-lookups-advice = もう使わない事業者の include を消すか、事業者ごとに MAIL FROM 用のサブドメインを分ける。
audit-spf-lookups-near = { $domain } の SPF レコードは参照が { $count } 回で、上限は { $limit } 回
audit-spf-lookups-near-advice = include をもう一つ足すか、参照先が変わるだけで上限を超えかねない。
audit-spf-voids = { $domain } の SPF レコードは空振りの参照が { $count } 回あり、上限は { $limit } 回
audit-spf-voids-advice = もう存在しない名前を指す項を消す。
audit-spf-no-record = { $domain } の { $term } は SPF レコードのない名前を指していて、エラーとなる
audit-spf-no-record-advice = この項を消すか、名前を直す。
audit-spf-exchanges = { $domain } の { $term } にはメールサーバーが { $count } 台あり、調べられるのは十台まで
audit-spf-exchanges-advice = 代わりにネットワークを書く（ip4、ip6）。
audit-spf-everybody = { $domain } の SPF レコードは誰でも通す
audit-spf-everybody-advice = 末尾を "-all" か "~all" にする。今は誰でもこの名前で送れる。
audit-spf-open-end = { $domain } の SPF レコードは、書いていないホストについて何も述べていない
audit-spf-open-end-advice = 末尾を "-all" か "~all" にする。
audit-spf-ptr = { $domain } の { $term } は使うべきでない。遅く、無視する受信側も多い
audit-spf-ptr-advice = 代わりにネットワークを書く（ip4、ip6）。
audit-spf-many-addresses = { $domain } の SPF レコードは IPv4 アドレスを { $count } 個通す
audit-spf-many-addresses-advice = その一部は他人も借りている。自分のために送るものだけを書き、大きな事業者には DKIM で署名させる。
audit-dmarc-absent = { $domain } に効く DMARC ポリシーがない
audit-dmarc-absent-advice = _dmarc.{ $domain } TXT "v=DMARC1; p=none; rua=mailto:…" を公開し、レポートを読んでから強める。
audit-dmarc-several = _dmarc.{ $domain } にポリシーレコードが { $count } 件あり、どれも効かない
audit-dmarc-several-advice = 一つだけ残す。
audit-dmarc-unavailable = { $domain } の DMARC ポリシーを今は取得できない
audit-dmarc-unavailable-advice = _dmarc.{ $domain } とその上位の名前にネームサーバーが応答するか確かめる。
audit-dmarc-as-none = _dmarc.{ $domain } のタグ { $tag } がないか誤っており、p=none とみなされる
audit-dmarc-as-none-advice = none、quarantine、reject のどれかを書く。
audit-dmarc-unusable = _dmarc.{ $domain } のタグ { $tag } がないか誤っており、レコード全体が効かない
audit-dmarc-unusable-advice = none、quarantine、reject のどれかを書く。
audit-dmarc-watches = _dmarc.{ $domain } のポリシーは何も求めていない（{ $tag }=none）
audit-dmarc-watches-advice = quarantine にすると何が困るかをシミュレーターで見てから公開する。
audit-dmarc-subdomains = { $domain } より下のポリシーが { $domain } 自身より弱い
audit-dmarc-subdomains-advice = サブドメインが整っているなら sp= を消す。偽る側は一番弱い名前を選ぶ。
audit-dmarc-testing = { $domain } のポリシーは t=y で一段弱められている
audit-dmarc-testing-advice = レポートで支障がないと分かったら t=y を消す。
audit-dmarc-no-reports = { $domain } のポリシーの効き具合を誰も知らされない（rua= がない）
audit-dmarc-no-reports-advice = レコードに rua=mailto:… を加える。
