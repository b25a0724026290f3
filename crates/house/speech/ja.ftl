### 人に向けた各コマンドの言葉

## 判定結果の見出し

label-author = 差出人
label-spf = SPF
label-spf_helo = SPF HELO
label-dkim = DKIM
label-arc = ARC
label-dmarc = DMARC
label-verdict = 判定
label-from = From
label-envelope = エンベロープ
comma = 、

## 判定の根拠

ground-author-missing = 差出人が書かれていない
ground-author-multiple = From フィールドまたは差出人ドメインが複数ある
ground-author-unusable = メールソフトによって差出人の解釈が分かれる
ground-dmarc-fail = DMARC に失敗し、ドメイン所有者が対処を求めている
ground-dmarc-temperror = 今は DMARC を判定できず、その結果次第で判定が変わる
ground-arc-override = DMARC に失敗したが、信頼する中継者が成功を確認済み

## 名乗り

from-none = （From フィールドなし）
envelope-client = 接続元 { $address }
envelope-helo = HELO { $helo }
envelope-mail-from = MAIL FROM <{ $path }>
envelope-return-path = MAIL FROM <{ $path }>（Return-Path）

## 各検査の詳細

detail-not-asked = 未検査
detail-flags = 不審な点: { $flags }
detail-explanation = ドメインの説明: 「{ $text }」
detail-unsigned = 署名なし
detail-gap = 数えない: 二つ目の { $field } が署名されていない
detail-gap-spaced = 数えない: コロンの前に空白のある { $field } が署名されていない
detail-key-testing = 試験用の鍵
detail-arc = { $count } 組、シールは { $sealers }
detail-overrides = DMARC の結果を覆す
detail-policy = { $domain } の p={ $policy }
detail-policy-testing = 試験運用中のポリシー
detail-aligned = アライメント: { $by }

## 仮定

what-if = { $question } の応答が { $answer } の場合:
what-if-nothing = 変化なし
note-stuck = `{ $path }`: 判定が同じ問いを繰り返したため、最後まで判定していない（Sekisho の不具合のため要報告）
note-unasked = { $path }: `{ $question }` は判定に使われず、--what-if による変化なし

note-key-open = 警告: 鍵 `{ $path }` は秘密になっていない
note-unaligned = 差出人ドメインは `{ $author }` で、`{ $domain }` の署名は DMARC では無効: --domain { $author } の署名も必要
note-offline = 応答は `{ $path }` から取り、ほかには問い合わせない

## 複数のメール

progress = 判定中
summary = { $count } 通を判定
summary-unjudged = { $count } 通は判定できず
summary-failing = DMARC の失敗が多い差出人ドメイン
summary-signatures = DKIM は署名ごとに数える（1 通に複数の署名がありうる）

## 設定

config-fine = { $path } に問題なし
config-none = 設定ファイルがないため、すべて既定値
origin-default = 既定値
origin-file = { $path } の { $line } 行目

## 新しい鍵

key-written = 秘密鍵を { $path } に保存（本人のみ読み取り可）。公開するレコード:

## できなかったこと

fault-read = `{ $path }` を読み込めない
fault-write = `{ $path }` に書き込めない
fault-empty = `{ $path }` は空で、メールがない
fault-binary = `{ $path }` はバイナリファイルで、メールではない
fault-no-mail = `{ $path }` はメールではない: ヘッダーフィールドが一つもない
fault-large = `{ $path }` が読み込みの上限 { $size } MiB を超えている
fault-no-maildir = `{ $path }` は Maildir ではないフォルダー: `cur` も `new` もない
fault-mbox-empty = mbox `{ $path }` は区切りの行だけで、メールがない
fault-maildir-empty = Maildir `{ $path }` にメールがない
fault-stdin-twice = 標準入力は一度しか読めない
fault-line = { $path }:{ $line }
fault-config = { $path }
fault-mail = { $path }
fault-received-count = { $number } 番目の Received フィールドがない: { $count ->
    [0] 一つもない
   *[other] 全部で { $count } 個
}
fault-received-host = `{ $host }` が書いた Received フィールドがない
fault-received-client = { $number } 番目の Received フィールドに接続元アドレスがない: `{ $field }`
fault-received-unsure = { $number } 番目の Received フィールドの接続元は、サーバーの書式に一致せず送信側の偽装と区別できないため採用しない。接続元のアドレスを指定してください（`--client-ip`）: `{ $field }`
fault-what-if = 仮定 `{ $text }` を解釈できない
fault-facts = `{ $path }` は --facts に使えない
fault-not-kept = `{ $facts }` にこのメールの記録がない
fault-dns = `{ $server }` は DNS サーバーの指定ではない
fault-resolver = DNS に問い合わせできない
fault-option = `{ $name }` という設定項目はない{ $known ->
    [yes] {": "}`{ $nearest }` の誤りか
   *[no] { "" }
}
fault-section = `{ $name }` という節はない{ $known ->
    [yes] {": "}`{ $nearest }` の誤りか
   *[no] { "" }
}
fault-bounds = `{ $name }` は { $low } から { $high } まで: { $value } は範囲外
fault-listen = `{ $value }` は待ち受けアドレスではない: `アドレス:ポート` を指定
fault-bind = `{ $address }` で待ち受けできない
fault-runtime = プログラムを開始できない
fault-data-folder = ユーザー `{ $user }` では { $path } に記録を保存できない
fault-no-data = { $path } にまだ記録がない: `sekisho serve` を起動するか `sekisho report import` で取り込む
fault-make-folder = フォルダー { $path } を作成できない
fault-no-data-folder = データフォルダーを用意できない: `store.folder` を設定
fault-no-lake = このプログラムは lake なしで作られている
fault-lake = lake が処理できない
fault-sample = { $path } にサンプルの一日を作れない
fault-sample-remove = { $path } のサンプルの一日を削除できない
fault-no-cluster = このプログラムはクラスターなしで作られている。`cargo build --release --package sekisho --features cluster` でクラスター付きを作る
fault-cluster = クラスターが処理できない
fault-runtime-folder = { $path } に処理中メールの記録を置けない
fault-word = `{ $value }` は使えない: { $words } のいずれかを指定
fault-help = `{ $value }` は応答に書けない: 空白のない ASCII 100 文字以内で指定
fault-authserv = `{ $value }` は Authentication-Results の名前にできない: 英数字、ドット、ハイフンで指定
fault-required = ここに `{ $name }` がない
fault-network = `{ $value }` はネットワークの指定ではない: `192.0.2.0/24`、`2001:db8::/32`、または単一のアドレスで指定（プレフィックスより後のビットは 0）
fault-user = `{ $value }` はログイン名ではない: ログイン名、ドメイン全体を表す `@example.org`、全員を表す `*` のいずれかで指定
fault-sender-nobody = 送信者の指定には `networks` か `users` が必要（両方あるときは両方を満たすこと）
fault-sign-check = `{ $value }` は指定できない: `error` か `warn` を指定
fault-sign-unsigned = `{ $value }` は指定できない: `pass` か `refuse` を指定
fault-seal-when = `{ $value }` は指定できない: `arrival` か `departure` を指定
fault-field-name = `{ $value }` はヘッダーフィールドの名前ではない
serve-first-account = ウェブデスクのアカウントはまだありません。次のリンクを開いて最初のアカウントを作ってください（一度だけ使えます）:
serve-ready = 準備完了: Ctrl-C か SIGTERM で順に終了
fault-key-twice = セレクター `{ $selector }` に `{ $domain }` の鍵が二つある
fault-key-record = `{ $name }` がこの鍵での署名を許していない
serve-listening = { $address } で MTA からの接続（milter）を待ち受け中
serve-signing = { $address } で送信メールに署名するための MTA からの接続（milter）を待ち受け中
note-privacy-days = `store.privacy` の規則が `recipients` を省き、かつ `days` を指定している: 受信者を残さないメールは後から探せないため、ほかのメールと同じ期間（`lake.mail_days`）残る
note-serve-user = `serve.user` のユーザーはこのマシンに存在しない: root で起動するとデーモンは起動しない
note-certificate-early = `http.certificate` の証明書はまだ有効期間前で、ブラウザーに拒否される: このマシンの時計を確認
note-certificate-late = `http.certificate` の証明書は期限切れで、ブラウザーに拒否される: 更新してから再読み込み（SIGHUP）
http-speaks-tls = ここで使えるのは HTTPS のみ: アドレスは https:// で始まる
note-sign-no-listener = [sign] に `listen` がないため、何にも署名しない
note-sign-no-key = [sign] に [[sign.keys]] がないため、何にも署名しない
note-sign-no-sender = [sign] に [[sign.senders]] がないため、何にも署名しない: 署名対象のネットワークやログインを指定（このホスト自身の 127.0.0.0/8 と ::1 も含めて）
fault-become = 利用者 `{ $user }` になれない
fault-no-user = `{ $user }` という利用者はいない
fault-choice = `{ $name }` は { $choices } のいずれか: `{ $value }` は不可
serve-http = { $address } で監視用の接続（HTTP）を待ち受け中
serve-https = { $address } で監視用の接続（HTTPS）を待ち受け中
serve-intake = { $address } でレポートの送信元からの接続（SMTP）を待ち受け中
serve-lmtp = { $address } でレポートを配送する MTA からの接続（LMTP）を待ち受け中
fault-intake-address = `{ $value }` はメールボックスの指定ではない: `local@example.org`、`local@`、`@example.org` のいずれかで指定
fault-intake-twice = `{ $value }` が二度ある: 一つのメールボックスは一種類のレポート用
fault-imap-place = `{ $value }` はメールボックスの指定ではない: imaps://USER@HOST[:PORT]/FOLDER と書き、パスワードは別に渡す
fault-imap-password = メールボックスのパスワードがない: `--password-file` でファイルを指定するか SEKISHO_IMAP_PASSWORD を設定する
fault-place = `{ $value }` には秘密を送れない: `https://…`（利用者名・パスワード・`#` なし、デスクはパスもなし）を指定、`http://` はこのマシン（127.0.0.1、[::1]、localhost）のみ
fault-oidc-scope = `{ $value }` はスコープではない: `email` のような空白のない語を指定
fault-oidc-client = 認証プロバイダーに問い合わせる準備ができない
fault-secret = `{ $path }` に秘密の値がない
fault-webhook-twice = `{ $value }` は別の `[[webhooks]]` にもある
fault-webhook-private = `{ $value }` はこのマシンか私設ネットワークを指す: 意図したものなら `private = true` を指定
fault-webhook-event = `{ $value }` に当たるイベントはない: { $choices }、または点より後のすべてを表す `report.*` の形で指定
fault-webhook-secret = `{ $path }` に webhook の秘密の値がない: `whsec_` に続けて 24～64 オクテットの base64 を書く
fault-webhook-client = webhook を呼び出す準備ができない
fault-certificate = 証明書 `{ $path }` を使えない
fault-store-ledger = 共有する ledger は `postgres://USER@HOST/DATABASE` の形で指定
fault-store-bucket = `{ $value }` はバケットの指定ではない: `s3://BUCKET` か `s3://BUCKET/PREFIX` で指定
fault-store-endpoint = `{ $value }` はバケットの接続先ではない: `https://HOST` の形で指定
fault-own = `{ $value }` は送信元ではありません。アドレス、ネットワーク、ホスト名、または `sekisho report show` に出る送信者の名前で書いてください
fault-privacy-field = `{ $value }` は省ける項目ではない。省けるもの: { $known }
fault-privacy-consent = `store.privacy.local_parts = "keep"` には `store.privacy.consent`（@ より前を残すことに誰がいつ同意したか）が要る
fault-names-database = データベース `{ $path }` は使えません
fault-no-postfix = `{ $path }` に Postfix の設定がない: フォルダーは --postfix で指定できる
fault-postfix-command = Postfix の `{ $command }` が失敗
fault-queue-id = `{ $value }` はキュー ID ではない: `sekisho held list` の表示どおりに指定
fault-not-held = `{ $value }` というメールは保留されていないため、どれも解除していない
fault-lang = `{ $value }` という言語はない: `ja` か `en` を指定
fault-domain = `{ $value }` はドメイン名ではない
fault-scope-word = `{ $value }` は範囲のドメインではない。`example.org` のような名前を書くか、すべてなら `*` だけを書く
fault-scope-many = 範囲のドメインは { $most } 個まで
fault-selector = `{ $value }` はセレクターではない
fault-pairs = --selector と --key の数が合わない: { $selectors } 対 { $keys }
fault-one-selector = 新しい鍵の --selector は一つだけ
fault-key = `{ $path }` の鍵を使えない
fault-key-made = 鍵を生成できない
fault-canonicalization = `{ $value }` という正規化はない: relaxed/relaxed、relaxed/simple、simple/relaxed、simple/simple のいずれかを指定
fault-sign = `{ $path }` に署名できない
fault-ours = 判定が内部エラーで終了: Sekisho の不具合のため要報告

## 読めないコマンドライン

refusal-usage = 使い方: { $usage }
refusal-unknown = 引数 `{ $argument }` はここでは使えない{ $known ->
    [yes] {": "}`{ $nearest }` の誤りか
   *[no] { "" }
}
refusal-command = `{ $command }` というコマンドはない{ $known ->
    [yes] {": "}`{ $nearest }` の誤りか
   *[no] { "" }
}
refusal-no-command = 次のどれかを続けて書く必要がある: { $commands }
refusal-no-value = `{ $argument }` には値が必要{ $open ->
    [yes] { "" }
   *[no] {": "}{ $choices } のいずれか
}
refusal-choice = `{ $value }` は `{ $argument }` の選択肢にない{ $known ->
    [yes] {": "}`{ $nearest }` の誤りか（選択肢は { $choices }）
   *[no] {": "}{ $choices } のいずれかを指定
}
refusal-value = `{ $value }` は `{ $argument }` の値として使えない
refusal-no-more = `{ $argument }` は値を取らない（指定された値は `{ $value }`）
refusal-missing = 必要な引数がない: { $arguments }
refusal-twice = `{ $argument }` は一度しか指定できない
refusal-conflict = `{ $argument }` と `{ $other }` は同時に指定できない
refusal-utf8 = 文字列であるべき引数が UTF-8 ではない

## 理由

why-wrong-type = { $expected ->
    [number] 整数を書く
    [text] 引用符で囲んだ文字列を書く
    [truth] true か false を書く
    [list] 角括弧で囲んだリストを書く
   *[table] セクションとして書く
}
why-not-found = ファイルがない
why-denied = 権限がない
why-directory = フォルダーである
why-exists = すでに存在する
why-in-use = すでに別のプログラムが待ち受けている
why-not-here = このホストにそのアドレスはない
why-not-role = 役割は viewer、analyst、admin のいずれか
why-not-desk = 画面の URL を https://desk.example.org のように指定
why-held = 別のプロセスが使用中（おそらく別の `sekisho serve`）: 先にそれを止める
why-not-ours = 中身がここにあるべきものと違う: 別の場所へ移す
why-full = 空き容量がない: 容量を空ける
why-read-only = ファイルシステムが読み取り専用
why-no-directory = パスの途中がフォルダーではない
why-system = システムが拒否（{ $text }）
why-key-denied = デーモンの利用者（UID { $user }）に読み取り権限がない: systemd の `LoadCredential=` で渡すか、その利用者のグループに読み取りを許す（docs/signing.md）
fault-syntax = ここから TOML として読めない: 行を直すか、先頭に `#` を付けて無効にする
fault-type = 値の種類が違う: 書き方は `sekisho config show` で確認
why-other = { $text }
why-not-host-port = HOST:PORT を指定（例: 127.0.0.1:50050）
why-not-address = IP アドレスを指定（例: 192.0.2.1、2001:db8::1）
why-not-path = アドレスを一つ指定（例: bounce@example.org、空のパスは ''）
why-not-seconds = 0.001 から 600 までの秒数を指定
why-not-time = RFC 3339 の時刻を指定（例: 2026-05-01T12:00:00Z）
why-not-within = { $low } から { $high } までの整数を指定
why-not-days = 1 から 36500 までの日数を指定
why-not-lang = `ja` か `en` を指定
why-not-state = `received`、`read`、`unreadable`、`ignored`、`duplicate` のいずれかを指定
why-not-domain = ドメイン名を指定（例: example.org）
why-not-hop = 先頭を 1 とする Received フィールドの番号か、書いたホストの名前を指定
why-not-utf8 = UTF-8 ではない
why-name-empty = 名前が空
why-name-characters = 使えるのは英数字、ハイフン、下線、点だけ
why-label-empty = 点が連続しているか、点で始まっている
why-label-long = ラベルが 63 オクテットを超えている
why-name-long = 名前が 255 オクテットを超えている
why-name-escape = 名前のエスケープが壊れている
why-name-unicode = 名前を A ラベルに変換できない
why-address = アドレスを解釈できない
why-preference = MX レコードは 0 から 65535 までの優先度とホスト名
why-quotes = TXT 文字列の引用符が対応していない
why-string-long = TXT 文字列が 255 オクテットを超えている: 分割が必要
why-line-short = レコードの書式は `名前 型 データ`
why-kind = 型は { $kinds } のいずれか
why-zone-kind = 型は { $kinds }, CNAME のいずれか、または `!timeout` などの失敗の前に置いて全型を表す `*`（型の前に TTL と `IN` を書いてもよい）
why-parenthesis = 括弧が閉じていないか、閉じた後に注釈以外のものがある
why-failure = 失敗の指定は `!servfail`、`!timeout`、`!refused`、`!truncated` のいずれか
why-proposal = 書式は `型 名前=データ`。例: `TXT _dmarc.example.org=v=DMARC1; p=reject`
why-proposal-name = `{ $name }` は空白を含み、名前ではない。書式は `型 名前=データ`。例: `TXT _dmarc.example.org=v=DMARC1; p=reject`
why-proposal-twice = 失敗は単独で指定: この名前には別の応答が指定済み
why-outcome = 指定できる結果は `!nxdomain`、`!nodata`、`!servfail`、`!timeout`、`!refused`、`!truncated`
why-no-facts = Sekisho の記録ファイルではない: --save-facts で書いたファイルを指定
why-facts-json = この行は完全ではない: ファイルが途中で切れている可能性がある
why-facts-exist = すでに存在し、保存した記録は上書きしない: 新しいファイル名を指定
why-no-folder = 保存先のフォルダーがない: 先に作成が必要
why-facts-version = 書式の版が { $version } で、このプログラムが読めるのは版 1
why-facts-field = `{ $field }` がないか、解釈できない
why-dns-scheme = ADDR:PORT、tls://ADDR:PORT、https://HOST/PATH のいずれかで指定
why-dns-address = アドレスがない
why-dns-port = ポートが 1 から 65535 までの数ではない
why-dns-name = `#` の後に名前がない
why-dns-needs-name = 証明書の名前を `#` の後に指定
why-no-system-dns = システムに DNS サーバーの設定がない: --dns で指定
why-key-pem = PEM ではない: PEM は `-----BEGIN PRIVATE KEY-----` で始まる
why-key-encrypted = パスフレーズで保護されている
why-key-unreadable = PKCS #8 か PKCS #1 の RSA 鍵でも Ed25519 鍵でもない
why-key-small = RSA 鍵が 2048 ビット未満
why-key-large = RSA 鍵が 4096 ビットを超え、受信側で検証されない
why-key-of-another = `{ $path }` の鍵とは別の鍵の証明書: 両方のファイルを一緒に更新する
why-key-open = 他のユーザーが読み書きできる（モード { $mode }）: `chmod 640` で防げる
why-record-absent = 鍵のレコードがない
why-record-several = レコードが複数あり、どれを使うかは受信側により異なる
why-record-revoked = レコードが鍵の失効を示す
why-record-malformed = レコードを解釈できない
why-record-other-key = レコードの鍵が異なる
why-record-not-for-mail = レコードがこの鍵をメールに許可していない
why-record-strict = レコードの `t=s` はこのドメイン自体に限ると示すが、`subdomains` が有効
why-record-testing = レコードの `t=y` はドメインが試験中であると示す
why-record-unavailable = DNS が応答しない
why-record-publish = 公開するレコード
why-sign-from = From フィールドがない
why-sign-several = From フィールドが複数ある
why-sign-mbox = mbox の形式で始まっている（`From ` の行を除き、1 通ずつ署名する）
why-sign-long = セレクターとドメインを合わせた長さが上限を超えている
why-sign-name = `{ $name }` は署名に書けない
why-sign-field = `{ $name }` はフィールド名ではない

## 診断結果

doctor-error = エラー
doctor-warning = 警告
doctor-note = 参考
doctor-default = 設定なし: 既定値
doctor-change = { $place } に書く行:
doctor-summary = エラー { $errors } 件、警告 { $warnings } 件、参考 { $notes } 件
doctor-no-postfix = { $path } に Postfix の設定がないため、Sekisho の設定だけを調べた。フォルダーは --postfix で指定できる。
doctor-gate-nowhere = `gate.listen` が空のため、メールは一通も判定されない。
doctor-gate-monitor = 監視のみ（`gate.mode` が `monitor`）: すべてのメールを判定して結果を付記するが、拒否はしない。
doctor-listener-open = milter の待ち受け { $address } にほかのマシンから接続できる。このプロトコルには認証がなく、接続した者は任意の接続元アドレスを名乗れる。ループバックで待ち受けるか、ファイアウォールで守ること。
doctor-no-door = この Postfix には、外部からのメールを受け取るポートがない。
doctor-door-unjudged = `{ $door }` で受け取るメールは Sekisho に渡されない。判定されずに配送され、偽の Authentication-Results も残る。
doctor-door-signs = `{ $door }` で受け取る外部からのメールが、署名用の待ち受けに渡される。そこに渡すのは自組織の利用者のメールだけである。
doctor-door-no-milters = `no_milters` が `{ $door }` の milter をすべて無効にするため、外部からのメールが判定されずに配送される。
doctor-milter-maps = `{ $door }` の milter は接続元ごとに表で選ばれる。表の中身は調べていないため、判定されない接続元があるかもしれない。
doctor-users-judged = `{ $door }` で受け取る自組織の利用者のメールが、外部からのメールとして判定される。利用者のアドレスでは SPF が失敗し、`mode = "enforce"` では拒否される。
doctor-users-unsigned = `{ $door }` で受け取る自組織の利用者のメールが、署名用の待ち受けに渡されない。
doctor-daemon-name = `{ $door }` の名前が ORIGINATING でない。Sekisho は待ち受けで区別するため不要だが、ほかの milter はこの名前で送信メールを見分ける。
doctor-filter-judged = コンテンツフィルターから `{ $door }` に戻るメールが、フィルターを接続元として再び判定される。SPF は失敗し、最初の判定結果は偽物として消される。
doctor-milter-protocol = 6 より古いプロトコルでは、ヘッダーフィールドが送信時のままでは渡されず、空白まで含めた署名の検証が失敗する。2 より古いと Sekisho と通信できない。
doctor-default-accept = Sekisho に問い合わせできない間、メールは判定されずに通り、偽の Authentication-Results も残る。`tempfail` なら送信側が後で再送し、何も失われない。
doctor-default-reject = Sekisho に問い合わせできない間、すべてのメールが恒久的に拒否される。`tempfail` なら送信側が後で再送し、何も失われない。
doctor-default-quarantine = Sekisho に問い合わせできない間、すべてのメールが判定されずに保留キューに入り、解放されるまで留まる。`tempfail` なら送信側が後で再送する。
doctor-content-timeout = Postfix が判定を待ち切れない。判定には DNS の期限の { $deadline } 秒までかかることがあり、Sekisho は 10 秒ごとに処理中と伝えるため、{ $needed } 秒以上が必要。
doctor-short-timeout = 忙しいマシンでは応答がこれより遅れることがあり、{ $needed } 秒より短いと Sekisho は停止中とみなされる。
doctor-macro-login = 規則か送信者の設定がログイン名を使うが、Postfix から伝わらない: マクロに `auth_authen` がない。
doctor-macro-name = `gate.authserv_id` がないため MTA の名前を名乗るが、その名前が Postfix から伝わらない: マクロに `j` がない。
doctor-macro-queue = 判定のログにキュー ID を書けない: Postfix のマクロに `i` がない。
doctor-local-judged = ローカルのプログラムのメールが、接続元がないのに、外部からのメールとして判定される。
doctor-local-unsigned = cron や Web アプリケーションなど、ローカルのプログラムのメールが署名用の待ち受けに渡されない。
doctor-internal-judged = Postfix 自身の通知も milter を通り、外部からのメールとして判定される。
doctor-milter-silent = Sekisho のはずの `{ $milter }` で待ち受けがない。その間、すべてのメールが `milter_default_action` の扱いになる。`sekisho serve` を起動すること。
doctor-milter-unknown = `{ $milter }` で待ち受けがなく、Sekisho の待ち受けでもない。すべてのメールが `milter_default_action` の扱いになる。
doctor-header-size = Postfix は、Sekisho が判定するヘッダーの上限 { $most } オクテット（`check.max_header_bytes`）より大きいフィールドを受け取る。そのようなメールは未判定として付記される。
doctor-message-size = 上限がないと、一通のメールがキューのディスクを埋め、セッションをいつまでも占有できる。
doctor-bare-newline = Postfix が単独の LF を行末とみなすため、一通のメールの中に別のメールを隠せる（SMTP スマグリング、CVE-2023-51764）。隠されたメールは、被害者の SPF が認めるサーバーから届くため SPF も DMARC も成功し、どの milter にも見分けられない。
doctor-bare-newline-exclusions = SMTP スマグリングへの防御はあるが、すべての接続元が対象外になっている。
doctor-bare-newline-old = この Postfix は `smtpd_forbid_bare_newline` より古く、SMTP スマグリング（CVE-2023-51764）の回避策も揃っていない（二つとも必要）。更新が望ましい。
doctor-bare-newline-workaround = この Postfix は `smtpd_forbid_bare_newline` より古い。回避策は既知の SMTP スマグリングを止めるが、すべてを止めるのは更新だけである。
doctor-bare-newline-unknown = `postconf` がないため、SMTP スマグリング（CVE-2023-51764）が止められているか確かめられない。次の行は 3.5.24、3.6.14、3.7.10、3.8.5、3.9 以降で有効。
doctor-stray-cr = 単独の CR がそのまま配送され、後ろのサーバーが行末とみなすおそれがある。

## 保留中のメール

held-facts = { $age }、{ $size } オクテット、宛先 { $recipients } 件
held-seconds = { $count } 秒前から保留
held-minutes = { $count } 分前から保留
held-hours = { $count } 時間前から保留
held-days = { $count } 日前から保留
held-unread = ヘッダーを読めない（root のみ可）
held-no-reason = 保留の理由はヘッダーに書かれていない
held-summary = 保留中のメールは { $count } 通
held-released = { $id } の保留を解除

## sekisho jobs

jobs-none = 待っている仕事も、あきらめた仕事もない
jobs-none-in-queue = キュー `{ $queue }` には、待っている仕事も、あきらめた仕事もない
jobs-retried = { $count } 件をもう一度試す
jobs-tries = { $most } 回中 { $count } 回試行
job-waiting = 待機中
job-leased = 進行中
job-done = 完了
job-dead = あきらめた
jobs-queue-none = キュー `{ $queue }` にあきらめた仕事はない: 何も変更していない
why-not-job-state = 仕事の状態は `waiting`、`leased`、`done`、`dead` のいずれか
why-not-job = 仕事の ID ではない: `sekisho jobs list` の表示どおりに指定
fault-job-not-dead = あきらめた仕事に `{ $id }` はない: 何も変更していない

## sekisho people

people-nobody = まだ誰もアカウントを持っていない: 最初のアカウントは `sekisho serve` が表示するリンクで作る
people-invited = このリンクを招待する相手に渡す。一度だけ、三日間使える。リンクを持つ人がアカウントを得る。
people-reset = このリンクを本人に渡す。一度だけ、三日間使える。リンクを持つ人がアカウントを得る。
people-disabled = { $login } を締め出した: セッションは終了
people-enabled = { $login } は再び入れる
people-everything = すべて
people-nothing = なし
people-is-disabled = 締め出し中
people-has-second-factor = 第二要素あり
role-viewer = 閲覧者
role-analyst = 分析者
role-admin = 管理者
role-unknown = 不明な役割
fault-no-login = `{ $login }` でサインインする人はいない: 一覧は `sekisho people list`

## sekisho cluster

cluster-scheduler-listening = スケジューラー: { $address } で実行役と問いを待ち受け中。停止は Ctrl-C か SIGTERM
cluster-scheduler-next = 実行役を起動: sekisho cluster executor --scheduler { $address }
    問い合わせ: sekisho lake query 'SELECT count(*) FROM mail' --cluster df://{ $address }
cluster-executor-listening = 実行役: 同時に { $slots } タスク、結果の受け渡しは { $address }。停止は Ctrl-C か SIGTERM（順序正しく止まる）
cluster-executor-next = { $scheduler } のスケジューラーのもとで稼働中
cluster-open = 警告: { $address } に届く者は誰でも、lake の全内容をこのクラスターに尋ね、占有できる。パスワードも暗号化もない。ファイアウォールでほかを締め出すこと
cluster-stopped = 停止した

## sekisho lake, sekisho report

lake-unsettled = まだファイルになっていないイベント { $count } 件は含まれない。デーモンは 2 分以内に、デーモンがなければ `sekisho lake compact` がファイルにする
lake-tables = {"テーブル        日数  ファイル          行数          MB"}
lake-compacted = 保存しているものは { $files } ファイルにある
lake-let-go = { $files ->
    [0] 保存期間を過ぎたものはない
   *[other] { $files } ファイル（{ $megabytes } MB）を消した
}
report-progress = { $read } 件のレポートを読了
report-waiting = ほかのプロセスが読み取り中の { $number } 件を待機中（中断されていた場合は最長 { $seconds } 秒で引き継ぐ）
report-taken = 新規 { $new } 件、既知 { $known } 件、取り込み済みのファイル { $passed } 個
report-ordinary = レポートではないメール { $number } 通には手を付けていない
list-nothing = まだレポートは取り込まれていない。`sekisho report import` か `sekisho serve` で取り込む
list-received = 受信（UTC）
list-id = ID
list-kind = 種類
list-domain = ドメイン
list-state = 状態
list-from = 取り込み元
list-reason = 理由
report-read = 読み取り: レポート { $reports } 件、{ $rows } 行、メール { $messages } 通分
report-unproven = うち { $number } 件は送信元を証明できない: --unproven を付けない限り集計に含めない
report-duplicates = { $number } 件は集計済み
report-returned = { $number } 件は、こちらが送ったレポートの不達通知（sekisho report out --list）
report-ignored = { $number } 件は規格に従い対象外（sekisho report list --state ignored）
report-unreadable = { $number } 件は読み取れない（sekisho report list --state unreadable）
report-later = { $number } 件は今は読み取れず、後で再試行
report-by-daemon = 読み取りは稼働中のデーモンが行う
show-nothing = { $domain } のレポートはない（{ $first } から { $last } まで）
show-head = { $domain }（{ $first } から { $last } まで）: 送信元 { $sources }、メール { $mails } 通、DMARC 合格 { $share }
show-source = 送信元
show-domains = ドメイン
show-address = アドレス
show-addresses = { $number } アドレス
show-days = 日ごと
note-no-names = 問い合わせ先がないため、送信元はアドレスのまま示します: { $why }
show-mails = 通数
show-pass = 合格
show-more = … ほか { $number } 件（--json ですべて表示）
show-failed = 失敗レポートが伝える不合格のメール: { $mails } 通（{ $reporters ->
    [0] 報告者は証明なし
   *[other] 報告者 { $reporters } 件
}。上の集計には加えない）
show-what-failed = 失敗したもの
show-became = その後
show-reporters = 報告者ごとの通数: { $who }
show-nobody = 未証明
show-more-reporters = 他 { $number } 件
show-told-by = 報告した受信側
show-last = 最終

## sekisho report out

why-not-day = 日付ではない: `2026-11-21` の形で指定
fault-relay = `{ $value }` は SMTP サーバーの指定ではない: `ホスト:ポート` を指定
fault-address = `{ $value }` は ASCII のメールアドレスではない
fault-out-day = { $day }（UTC）はまだ終わっていない：今送ると、この後の分がレポートから漏れる
note-out-from = `reports.from` が設定されていないため、このホストから送るものとして示す
show-distrusted = intake.distrusted_reporters で信頼しないとした報告者が { $mails } 通を報告しているが、集計に加えない
show-unproven = 送信者を確認できないレポートが { $mails } 通を報告している: `--unproven` で表示する
fault-out-unset = 送信できない: `reports.relay` と `reports.from` を設定
fault-out-books = レポートを用意できない
fault-out-no-key = レポートが DMARC に失敗する: [[sign.keys]] に { $domain } の鍵がない（`sekisho sign --new-key` で作成）
fault-out-no-policy = レポートは DMARC に合格する必要があるが、{ $domain } に DMARC レコードがない
fault-out-fails = { $domain } からのレポートは DMARC に失敗する
fault-out-dns = { $domain } からのレポートが DMARC に合格するか、DNS から確かめられない
out-nobody-asks = レコードがレポートの宛先を示していない
out-no-record = ポリシーレコードがなくなったか、複数ある
out-no-mail = その日に報告できるメールがない
out-only-reports = メールは当方へのレポートのみで、レポートへのレポートは際限がない
out-odd-name = レポートに書けない名前
out-dns = DNS が応答しない
out-scheme = `mailto:` ではない
out-address = 送信できるアドレスではない
out-no-consent = 宛先の同意がない: { $name } にレコードがない
out-elsewhere = 別のホストを宛先に指定しており、許されない
out-too-many = レポートの宛先は { $most } 件まで（`reports.max_recipients`）
out-too-large = 大きすぎる: { $size } KB（上限 { $most } KB）
out-public-suffix = パブリックサフィックスであり、メールのドメインの所有者ではない
out-turned-off = 失敗レポートは無効（`reports.failures`）
out-head = { $day }: 送信するレポート { $reports } 件、送信しないもの { $others } 件
out-unset = 送信しない: `reports.relay` が未設定
out-passes = DMARC に合格する: { $domain } の署名が整合
out-passes-spf = DMARC に合格する: { $domain } の署名が整合、中継サーバーの SPF は { $spf }
out-report = { $domain }: { $rows } 行、メール { $messages } 通分、{ $size } KB、{ $file }
out-not = { $domain }: 送信しない: { $why }
out-to = 宛先 { $to }
out-not-to = { $to } には送信しない: { $why }
out-sent = レポートのメール { $sent } 通を送信
out-skipped = { $number } 件は送信しない（理由は sekisho report out --list）
out-failed = { $number } 件は拒否された（理由は sekisho report out --list）
out-later = { $number } 件は今は送信できず、デーモンか次の実行で再試行

## sekisho simulate

fault-record = レコード `{ $text }` を読めません
why-record-long = 16 KiB を超えています
why-record-kind = 種別は A、AAAA、MX、TXT、PTR のいずれかです
why-record-selector = 鍵には名前が必要です。`SELECTOR._domainkey.{ $domain } TXT "v=DKIM1; …"` と書いてください
fault-simulate-nothing = この期間には { $domain } のレポートも、この Sekisho が判定したメールもなく、判定し直すものがない
note-simulate-faulty = 提案された `{ $name }` は、このままでは受信側に従ってもらえません。タグ `{ $tag }` を確認してください
note-simulate-broken = `{ $domain }` の SPF が permerror になります。提案したレコードの書き方、include 先、参照回数を確認してください（`sekisho check --what-if` で箇所がわかります）
simulate-head = { $domain }（{ $first } から { $last } まで）を、次のレコードが公開されたものとして判定し直した結果:
simulate-seen = { $others ->
    [yes] このうち { $mails } 通はこの Sekisho が判定したもの、残りはレポートによる。
   *[no] すべてこの Sekisho が判定したメールで、レポートはない。
}
simulate-breaks = 新たに fail になる: { $streams } 系統、{ $mails } 通
simulate-harsher = すでに fail で、扱いが厳しくなる: { $streams } 系統、{ $mails } 通
simulate-unknown = 判断できない: { $streams } 系統、{ $mails } 通
simulate-milder = fail だが、扱いが緩くなる: { $streams } 系統、{ $mails } 通
simulate-mended = 新たに pass になる: { $streams } 系統、{ $mails } 通
simulate-same = 変わらない: { $streams } 系統、{ $mails } 通
simulate-volume = { $mails } 通、{ $days } 日
simulate-more = … ほか { $number } 系統（--json ですべて表示）
simulate-left-out = 小さいほうの { $number } 系統は判定していません。
simulate-forwarder = この送信元は、ほかから受けたメールを転送しているようです。このようなホストは SPF に書きません。
doubt-spf-domain = どのドメインで SPF が pass したのか、レポートに書かれていません。
doubt-signer = どのドメインが署名したのか、レポートに書かれていません。
doubt-selector = どの鍵で署名したのか、レポートに書かれていません。
doubt-signed-for = 署名がドメイン自身のものか（`t=s` が求める）、レポートに書かれていません。
doubt-key = 提案された鍵と比べる鍵が、もう公開されていません。
doubt-spf-macros = 提案された SPF はローカルパートか HELO 名で決まりますが、レポートには書かれていません。
doubt-address = 送信元のアドレスが、レポートに書かれていません。
doubt-author = 作成者ドメインが、レポートに書かれていません。
doubt-dns = DNS がいま応答しません。
advice-relax = → { $tag }=r にして公開する:
advice-keep-key = → 署名に使われなくなるまで、鍵 { $name } をそのまま残す
advice-spf = → 送信元を { $domain } の SPF レコードに書く（参照 { $lookups }/10）:
advice-sign = → この送信元に d={ $domain } で DKIM 署名させる
advice-unconfirmed = → この送信元が自分のものだと示すものがないため、提案しません。自分のものなら [[names.own]] に書いてください（`report spf-omissions` が書き方を示します）
advice-none = → これらのレコードをどう変えても救えません

## sekisho report spf-omissions

fault-omissions-nothing = この期間には、MAIL FROM が { $domain } のメールについてのレポートも、この Sekisho が判定したそのようなメールもありません
omissions-head = MAIL FROM が { $domain }（{ $first } から { $last } まで）: 送信元 { $sources }、うち SPF にないもの { $missed }
omissions-own = 自分の送信元で、SPF にないもの
omissions-unconfirmed = SPF になく、自分のものと確認されていない送信元（--own で確認する）
omissions-relayed = ほかから受けたメールを渡している送信元。SPF に書いてはいけません
omissions-volume = { $mails } 通、SPF { $spf }
omissions-more = … ほか { $number } 件（--json ですべて表示）
omissions-unseen = 確認した { $source } に当てはまる送信元は、この期間に見られていません
omissions-publish = 次のレコードを公開してください（参照 { $lookups }/10）:
omissions-keep = 確認した送信元を残すには、sekisho.toml に次のように書きます:
omissions-hopeless-dns = レコードを提案できません。DNS がいま応答しません。
omissions-hopeless-several-records = レコードを提案できません。SPF レコードが複数あり、誤りです。1 つだけにしてください。
omissions-hopeless-unusable = レコードを提案できません。参照が 10 回を超えるか、いまのレコードに誤りがあります。まず項目を減らしてください。
signal-signatures-alone = SPF が fail でも署名は有効
signal-many-signers = 無関係なドメインの署名をそのまま渡している
signal-mailbox-provider = 転送されることのあるメールボックスの事業者
signal-low-volume = 通数が少ない

## Why a report cannot be read, or does not count

unreadable-empty = 中身がない。
unreadable-not-a-report = ここで読める種類のレポートではない。
unreadable-missing = レポートとして欠かせない項目がない。
unreadable-truncated = 途中で切れている。
unreadable-ill-formed = 形式が正しくない。
unreadable-doctype = 文書型宣言がある。レポートには不要で、攻撃に使われる。
unreadable-depth = 要素の入れ子が深すぎる。
unreadable-attributes = 要素の属性が多すぎる。
unreadable-long = 名前、タグ、コメントのいずれかが長すぎる。
unreadable-size = 大きすぎる。または展開後の大きさが上限を超える。
unreadable-ratio = 展開すると元の 100 倍を超える。レポートではありえない。
unreadable-entries = 書庫の項目が多すぎる。
unreadable-layers = 書庫の入れ子が深すぎる。
unreadable-overlap = 書庫の項目が重なっているか、ありえない位置にある。
unreadable-encrypted = 書庫が暗号化されている。
unreadable-method = 書庫の圧縮方式がレポートのものではない。
unreadable-corrupt = 圧縮または符号化されたデータが壊れている。
unreadable-mail-structure = メールのパートが多すぎるか、入れ子が深すぎる。
unreadable-plain-text = メールは文章だけで、レポートのパートがない。
reason-place = { $reason }（{ $line } 行目、{ $octet } オクテット目）
reason-feedback = フィードバックは保存し、集計しない。
reason-unsigned = 送り主の有効な署名がない（RFC 8460 §3）。
reason-no-failure = 対象のメールは不達になっていない。
reason-stranger = こちらのメールを指していない。
reason-has-sender = 差出人がある。通知には差出人がない（RFC 5321 §4.5.5）。
reason-came-back = こちらのレポート { $report } が不達: { $why }
reason-untold = 理由の記載なし
reason-counted = { $report } で集計済み。
mended-place = { $mended }（{ $line } 行目、{ $times } 回）
mended-truncated = 圧縮データの末尾が切れているが、レポート自体は完全。
mended-invalid-text = 文字でないオクテットを置き換えた。
mended-other-encoding = 文字の符号化が宣言と異なる。
mended-unknown-word = 結果かポリシーに、定義のない語がある。
mended-upper-case = 結果かポリシーが大文字で書かれている。
mended-old-word = 古い草案の語を、後継の語として読んだ。
mended-unknown-element = レポートにない要素を読み飛ばした。
mended-unknown-entity = XML に定義のない実体参照をそのまま残した。
mended-missing = レポートに必要な項目がない。
mended-no-domain = どのドメインについてのレポートか書かれていない。ドメインを指定しても見つからない。
mended-bad-count = 件数がないか、ありえない数。1、または最大の数とした。
mended-bad-address = アドレスではないものがある。
mended-bad-date = 日時がないか、日時ではないか、単位が異なる。
mended-swapped-dates = 期間の終わりが始まりより前。入れ替えた。
mended-bad-number = 数ではないものがある。
mended-long-value = 長い値を切り詰めた。
mended-long-list = 長い一覧を切り詰めた。
mended-no-rows = 報告の中身がない。
mended-trailing = 末尾の後に余分なものがある。
mended-second-row = 一つのrecordにrowが複数あり、最後のものを数えた。
mended-second-report = 末尾の後に別のレポートがあり、読まれていない。
