### ウェブデスクの言葉

## 上部と下部

desk-skip = 本文へ
desk-rooms = 部屋
desk-today = 今日
desk-messages = メール
desk-message = メール
desk-simulator = シミュレーター
desk-drop = 判定してみる
desk-start = 接続
desk-sign-out = サインアウト
desk-look = 表示
desk-look-auto = システムに合わせる
desk-look-light = 明るい
desk-look-dark = 暗い
desk-lang = 言語
desk-look-set = 変更
desk-times-utc = 時刻はすべて UTC です。

## お断り

desk-back-today = 「今日」へ
desk-nowhere = ページがありません
desk-nowhere-says = このアドレスに当たるページはこのデスクにありません。
desk-too-many = 一度に求められたページが多すぎます
desk-too-many-says = このアカウントのページが同時に多く作られています。ほかの人も待っています。少し待ってからもう一度お試しください。
desk-no-answer = 今は帳簿から答えが得られません
desk-no-answer-says = 問い合わせに答えられませんでした。理由はログにあります。メールの配送には影響しません。少し待ってからもう一度お試しください。
desk-unreadable = 読み取れません
desk-unreadable-says = ブラウザーから送られたものは、このページで受け取れるものではありません。
desk-elsewhere = ここのフォームではありません
desk-elsewhere-says = ブラウザーによると、ほかのサイトから送られたものです。何も変更していません。
desk-unknown-parameter = このページに `{ $name }` という項目はないため、無視しました。{ $known ->
    [yes] `{ $nearest }` のことでしょうか。
   *[no] {""}
}
desk-wrong-twice = 指定できるのは一つだけです。
desk-wrong-word = `{ $value }` は指定できません。指定できるもの: { $words }
desk-wrong-moment = `{ $value }` は時刻として読めません。2026-11-23 または 2026-11-23 09:00 のように UTC で指定します。
desk-wrong-order = 期間の始まりより前です。
desk-wrong-network = `{ $value }` はアドレスでもネットワークでもありません。
desk-wrong-place = `{ $value }` はページの続きの位置ではありません。
desk-wrong-many = 一度に確認できる送信元は { $most } 個までです。残りは無視しました。
desk-not-a-domain = `{ $value }` はドメイン名ではありません
desk-not-searched = 読み取れない条件があるため、検索していません。
desk-no-such-mail = このメールはありません
desk-no-such-mail-says = 保存期間を過ぎたか、アドレスが途中で切れています。
desk-not-taken = 判定できませんでした

## 見本

desk-sample = 見本の一日
desk-sample-title = 見本の一日です。
desk-sample-says = ここにあるものはすべて架空です。実際の帳簿はそのままです。
desk-sample-offer = 架空のドメインの数千通のメールを本物の判定で処理した一日分です。すべての画面を試せます。実際の帳簿とは別に置かれ、いつでも削除できます。
desk-sample-load = 見本の一日を作る
desk-sample-enter = 見本の一日を見る
desk-sample-leave = 実際の帳簿に戻る
desk-sample-remove = 見本を削除
desk-sample-failed = 見本の一日を作成または削除できませんでした

## 接続

desk-start-says = このシステムに届いているものと、残りをつなぐための設定です。
desk-link-gate = MTA からのメール（milter）
desk-link-reports = 受信側からの DMARC・TLS レポート
desk-link-sign = 送信メールへの署名
desk-link-out = こちらから送るレポート
desk-connected = 接続済み
desk-not-connected = 未接続
desk-how-to-connect = つなぎ方
desk-seen-since-start = { $count ->
    [0] 起動後、MTA との会話はまだありません。
   *[other] 起動後の MTA との会話は { $count } 件です。
}
desk-reports-since-start = { $count ->
    [0] 起動後に届いたレポートはまだありません。
   *[other] 起動後に届いたレポートは { $count } 件です。
}

## 今日

desk-live = 自動更新中
desk-today-yours = { $domains } 宛てのメールです（すべての受信者がこの範囲にあるもの）。
desk-today-in-name = 自分のドメインの名で送られたもの
desk-nothing-yet = この 24 時間に届いたメールはありません
desk-nothing-yet-says = MTA がつながっていないか、メールが来ていません。「接続」に Postfix の設定があり、見本の一日も作れます。
desk-mails = メール
desk-last-day = 24 時間
desk-dmarc-pass = DMARC 成功
desk-dmarc-fail = DMARC 失敗
desk-no-policy = ポリシーなし・判定保留
desk-quarantined = 隔離
desk-turned-away = 拒否・再送待ち
desk-by-hour = 一時間ごとのメール数と DMARC の結果
desk-as-table = 同じ数値を表で見る
desk-hour = 時
desk-other = その他
desk-senders = メールの多い差出人ドメイン
desk-newest-failures = 最近の DMARC 失敗
desk-no-failures = この 24 時間にはありません。
desk-all-failures = 一日分の失敗をすべて見る
desk-result-pass = 成功
desk-result-fail = 失敗

## メールの一覧

desk-time = 時刻
desk-author = 差出人ドメイン
desk-no-author = 差出人なし
desk-client = 接続元
desk-client-or-network = 接続元・ネットワーク
desk-decision = 処理
desk-decision-pass = 通過
desk-decision-quarantine-header = 印を付けて通過
desk-decision-quarantine-hold = 保留
desk-decision-tempfail = 再送待ち
desk-decision-refuse = 拒否
desk-policy = ポリシー
desk-no-record = レコードなし
desk-none-found = 見つかっていない
desk-any = すべて
desk-more-fields = 期間とその他の項目
desk-from = 開始
desk-until = 終了
desk-recipient = 宛先ドメイン
desk-signer = 署名者（d=）
desk-queue = キュー ID
desk-id = 判定 ID
desk-search = 検索
desk-reset = 条件を消す
desk-no-mails = 条件に合うメールはありません。
desk-older = さらに前へ
desk-last-week = 一週間に広げる
desk-last-month = 一か月に広げる

## メール一通

desk-path = 経路
desk-hop-author = 差出人
desk-hop-sealer = 中継者の封印（ARC）
desk-hop-client = 渡してきたホスト
desk-hop-gate = ここで判定
desk-hop-recipients = 宛先
desk-what-proved = 確かめられたこと
desk-aligned = 整合
desk-disposition = 所有者の求め
desk-grounds = 根拠
desk-size = 大きさ
desk-copies = 同じ署名の回数
desk-result = 結果
desk-reason = 理由
desk-unjudged = このメールは判定されていません:
desk-what-if = もしレコードが違ったら
desk-what-if-says = 仮のレコードを一行に一つ: 型 名前=データ
desk-what-if-stuck = レコードが堂々巡りになり、判定に至りません
desk-judge-again = もう一度判定する
desk-worn = この判定の元になった事実の一部はもう保存されていないため、すべての手順は再現できません。
desk-facts = 事実
desk-facts-says = 判定したときの DNS の答えです。
desk-no-facts = 保存されていません。
desk-kind = 型
desk-name = 名前
desk-answer = 答え
desk-outcome-nodata = レコードなし
desk-outcome-nxdomain = 名前なし
desk-outcome-servfail = サーバー障害
desk-outcome-timeout = 時間内に応答なし
desk-outcome-refused = 拒否
desk-outcome-truncated = 長すぎる
desk-change-breaks = 失敗するようになります。
desk-change-harsher = 失敗のまま、扱いが厳しくなります。
desk-change-unknown = どうなるか分かりません。
desk-change-milder = 失敗のまま、扱いが緩くなります。
desk-change-mended = 成功するようになります。
desk-change-same = 変わりません。
desk-change-nothing = 変わりません。

## 判定とゲートの決まり文句

phrase-header-too-large = ヘッダーが大きすぎる
phrase-no-from-field = From フィールドがない
phrase-empty-from-field = From フィールドが空
phrase-several-from-fields = From フィールドが複数ある
phrase-several-author-domains = 差出人ドメインが複数ある
phrase-hidden-from-field = 隠れた From フィールドがある
phrase-odd-from-field-name = From フィールドの名前が不正
phrase-a-line-that-is-no-field-before-from = From より前にフィールドではない行がある
phrase-a-line-that-is-no-field = フィールドではない行がある
phrase-a-line-of-white-space-before-from = From より前に空白だけの行がある
phrase-bare-line-break-that-ends-the-header = 単独の改行文字がヘッダーを終わらせる
phrase-nul-in-from = From に NUL がある
phrase-bare-line-break-in-from = From に単独の改行文字がある
phrase-hidden-line-break-in-from = From に隠れた改行がある
phrase-blank-line-in-from = From に空白だけの行がある
phrase-control-character-in-from = From に制御文字がある
phrase-undeclared-character-set-in-from = From の文字コードが不明
phrase-unclosed-quote = 引用符が閉じていない
phrase-unclosed-comment = コメントが閉じていない
phrase-unclosed-angle-bracket = 山括弧が閉じていない
phrase-unclosed-domain-literal = 角括弧が閉じていない
phrase-deeply-nested-comment = コメントの入れ子が深すぎる
phrase-only-a-group = グループだけで差出人がない
phrase-group-among-the-authors = 差出人の中にグループがある
phrase-no-address = アドレスがない
phrase-empty-address = アドレスが空
phrase-empty-local-part = @ より前が空
phrase-empty-domain = @ より後が空
phrase-two-at-signs = @ が二つある
phrase-route-address = 経路指定のあるアドレス
phrase-domain-literal = ドメインが IP アドレス
phrase-trailing-dot-in-the-domain = ドメインがドットで終わっている
phrase-domain-that-is-no-valid-name = ドメインが名前として正しくない
phrase-invalid-internationalized-domain = 国際化ドメイン名として正しくない
phrase-domain-broken-by-white-space-or-a-comment = ドメインが空白またはコメントで分断されている
phrase-encoded-word-in-an-address = アドレスに encoded-word がある
phrase-quote-or-comment-across-an-encoded-word = 引用符またはコメントが encoded-word をまたいでいる
phrase-comment-that-looks-like-a-part-of-the-address = コメントがアドレスの一部に見える
phrase-address-inside-a-quoted-local-part = 引用符付きローカルパートの中にアドレスがある
phrase-text-before-an-address-without-angle-brackets = 山括弧のないアドレスの前に語がある
phrase-text-after-an-address = アドレスの後に語がある
phrase-two-addresses-without-a-comma = 二つのアドレスの間にコンマがない
phrase-address-of-another-domain-before-the-address = アドレスの前に別ドメインのアドレスがある
phrase-semicolon-outside-a-group = グループの外にセミコロンがある
phrase-unparseable-from = From を解釈できない
phrase-signature-malformed = 署名の書式が不正
phrase-tag-duplicated = タグの重複
phrase-tag-missing = タグの不足
phrase-tag-malformed = タグの値が不正
phrase-version-unknown = 未知の版
phrase-algorithm-unknown = 未知のアルゴリズム
phrase-canonicalization-unknown = 未知の正規化方式
phrase-query-method-unknown = 未知の鍵取得方法
phrase-from-not-signed = From が署名されていない
phrase-identity-outside-domain = i= が d= の範囲外
phrase-expiry-not-after-signing = 有効期限が署名時刻より後でない
phrase-signature-expired = 署名の期限切れ
phrase-signed-in-the-future = 署名時刻が未来
phrase-key-not-available = 鍵を今は取得できない
phrase-key-absent = 鍵がない
phrase-key-revoked = 鍵は失効済み
phrase-key-malformed = 鍵を解釈できない
phrase-key-type-differs = 鍵の種類が違う
phrase-hash-not-allowed-by-key = 鍵がこのハッシュを許していない
phrase-key-not-for-email = 鍵がメール用ではない
phrase-identity-not-allowed-by-key = 鍵がこの i= を許していない
phrase-key-too-short = 鍵が短すぎる
phrase-key-too-long = 鍵が長すぎる
phrase-sha1-not-accepted = SHA-1 は受け付けない
phrase-beyond-the-signature-limit = 署名の数の上限を超過
phrase-header-differs = ヘッダーが変更されている
phrase-key-differs = 鍵が一致しない
phrase-header-or-key-differs = ヘッダーの変更か別の鍵
phrase-body-hash-differs = 本文が変更されている
phrase-length-beyond-body = l= が本文より長い
phrase-content-not-covered = 署名の範囲外に本文がある
phrase-body-not-hashed = 本文がハッシュされなかった
phrase-instance-malformed = i= の値が不正
phrase-too-many-instances = i= が多すぎる
phrase-set-incomplete = 組のフィールドが足りない
phrase-instance-duplicated = i= の重複
phrase-message-signature-malformed = メッセージ署名の書式が不正
phrase-seal-malformed = シールの書式が不正
phrase-sealed-as-failed = 失敗として封印されている
phrase-chain-value-wrong = cv= の値が不正
phrase-not-judged-to-the-end = 最後まで判定されていない
phrase-the-filter-died-while-it-was-in-work = 処理中にフィルターが停止した
phrase-the-filter-failed = フィルターの障害
phrase-the-header-is-too-large = ヘッダーが大きすぎる
phrase-monitoring-only = 監視のみ
phrase-no-second-ground-to-reject = 拒否する第二の根拠がない
phrase-mailing-list-fields = メーリングリストのフィールドがある
phrase-arc-pass = 信頼する中継者の arc=pass

## 判定してみる

desk-drop-says = メールまたはレポートをここにドラッグするか、ファイルを選ぶか、貼り付けてください（メールはヘッダー全体を含めて）。判定または読み取りだけを行い、保存しません。
desk-drop-file = ファイル
desk-drop-paste = またはメールかレポート（テキスト）
desk-drop-empty = 中身がありません。
desk-drop-large = 25 MB までのメールとレポートを受け付けます。
desk-drop-long = { $most } を超えるため、フォームには残していません。もう一度判定するには、選び直すか貼り直してください。
desk-drop-no-mail = メールでもレポートでもないようです。メールは「From: …」のようなヘッダーで始まります。
desk-dropped-aggregate = DMARC 集約レポート
desk-dropped-tls = TLS レポート
desk-dropped-failure = DMARC 失敗レポート
desk-dropped-notice = メールについての通知
desk-dropped-unreadable = 読めなかったもの
desk-dropped-mended = 補って読んだところ
desk-dropped-contact = 連絡先
desk-dropped-program = プログラム
desk-dropped-errors = 報告されたエラー
desk-dropped-done = 処理
desk-dropped-original = 対象のメール
desk-dropped-policy-kind = ポリシーの種類
desk-dropped-policies = ポリシー
desk-dropped-sessions = セッション
desk-dropped-successful = 成功
desk-dropped-failed = 失敗
desk-dropped-failures = 失敗の内訳
desk-dropped-way = 結果
desk-dropped-sender = 送信ホスト
desk-dropped-receiver = 受信ホスト
desk-dropped-nothing = 報告の中身がありません。
desk-dropped-around = レポートを運んだメール
desk-drop-client = `{ $text }` はアドレスではありません
desk-judge = 判定する
desk-check = 検査
desk-before = 今
desk-after = 変更後

## シミュレーター

desk-simulator-says = 別のレコードを公開したらメールがどうなるかを調べます。調べるだけで、何も変わりません。
desk-simulator-how = ドメインと、公開しようと考えているレコードを入力してください。受信側から報告されたメールと、ここで受けたメールのすべての流れを、今の DNS と仮のレコードの両方で判定します。
desk-domain = ドメイン
desk-proposed = 仮のレコード（一行に一つ）
desk-proposed-says = DMARC や SPF のレコードだけ、またはゾーンファイルの一行: selector._domainkey.example.org. TXT "v=DKIM1; …"
desk-days = さかのぼる日数
desk-simulate = 調べる
desk-simulate-share = このページのアドレスを組織内の同僚に送れば、同じものを見せられます。
desk-simulate-nothing = この期間の { $domain } のメールについて分かることがありません。レポートもなく、ここで受けたメールもありません。
desk-simulate-seen = うち { $mails } 通はここで受けたメール
desk-streams = { $streams } 件の流れ
desk-simulate-more = … ほか { $number } 件
desk-fate-breaks = 失敗するようになる
desk-fate-harsher = 扱いが厳しくなる
desk-fate-unknown = 分からない
desk-fate-milder = 扱いが緩くなる
desk-fate-mended = 成功するようになる
desk-fate-same = 変わらない

## ドメイン

desk-domains = ドメイン
desk-domains-says = 届いたメールの差出人ドメインです。
desk-show = 表示
desk-clients = 接続元
desk-no-such-domain = ドメイン名ではありません
desk-last-days = 最近 { $days } 日間
desk-reporters = { $reporters ->
    [0] 受信側の報告なし
   *[other] { $reporters } の受信側が報告
}
desk-aligned-any = 整合
desk-aligned-spf = SPF による
desk-aligned-dkim = DKIM による
desk-not-aligned = 不整合
desk-by-day = 一日ごとのメール数（整合・不整合）
desk-day = 日
desk-sources = 送っているホスト
desk-source = 送信元
desk-signs-or-sends = 署名・MAIL FROM のドメイン
desk-published = 今公開しているもの
desk-published-unknown = 今は DNS に問い合わせできません。
desk-findings = 直すところ
desk-severity-fault = 誤り
desk-severity-warning = 注意
desk-severity-note = 参考
desk-spf-cost = 参照は { $limit } 回のうち { $lookups } 回、空振り { $voids } 回。送信できる IPv4 アドレスは { $count ->
   *[other] { $addresses }
} 個。
desk-spf-lookup = 参照 { $number }
desk-spf-lookup-beyond = 参照 { $number }（上限超過）
desk-spf-networks = ほか { $number } ネットワーク
desk-spf-more = … ほか { $number } 行
desk-spf-several = レコードが { $number } 件あり、エラー
desk-spf-loop = 自分自身に戻る
desk-spf-unfollowed = たどっていない
desk-spf-void = 空振り
desk-spf-exchanges = メールサーバーが多すぎる
desk-spf-no-record = そこに SPF レコードがない
desk-spf-unavailable = 今は取得できない
desk-spf-macros = メールによって変わる
desk-told-by = 報告した受信側
desk-failed = 不合格だったメール
desk-failed-says = 失敗レポートが伝える個々のメール。上の集計には加えていません。
desk-what-failed = 失敗したもの
desk-became = その後
desk-last-arrived = 最終（UTC）
desk-simulate-reject = p=reject にしたら何が壊れるか

## SPF に漏れているもの

desk-omissions = SPF に漏れている送信元
desk-omissions-covered = このドメインを MAIL FROM に使う送信元 { $sources } のうち { $covered } を SPF が通している
desk-omissions-nothing = この期間、このドメインを MAIL FROM に使うメールは見つかりません。
desk-omissions-none = このドメインを MAIL FROM に使う送信元は、すべて SPF が通しています。
desk-omissions-unconfirmed = SPF に漏れていて、自分のものか確認されていない
desk-omissions-tick = 自分の意思で送っているものに印を付けると、それを加えたレコードを提案します。知らないものには決して印を付けないでください。
desk-omissions-ours = 自分のもの
desk-omissions-configured = 設定による
desk-omissions-propose = レコードを提案
desk-no-such-source = 送信元ではありません

## レポート

desk-reports = レポート
desk-reports-says = 受信側が報告したこと、読めなかったもの、こちらから送ったものです。
desk-reports-in = 受け取ったもの
desk-reports-out = こちらから送ったもの
desk-no-reports = レポートはまだありません。
desk-all = すべて
desk-unreadable-only = 読めないもの
desk-report = レポート
desk-report-about = 対象
desk-report-from = 送り主
desk-report-kind = 種類
desk-report-state = 状態
desk-report-channel = 受け取り方
desk-report-kind-dmarc-aggregate = DMARC 集約
desk-report-kind-dmarc-failure = DMARC 失敗
desk-report-kind-tls = TLS
desk-report-kind-abuse = 苦情
desk-report-kind-fbl = フィードバック
desk-report-kind-bounce = 不達通知
desk-report-kind-unknown = 不明
desk-report-state-received = 受信済み
desk-report-state-read = 読み取り済み
desk-report-state-unreadable = 読めない
desk-report-state-ignored = 対象外
desk-report-state-duplicate = 集計済み
desk-outgoing-planned = 予定
desk-outgoing-made = 作成済み
desk-outgoing-sent = 送信済み
desk-outgoing-bounced = 不達
desk-outgoing-failed = 拒否された
desk-outgoing-skipped = 送信しない
desk-channel-smtp = SMTP
desk-channel-lmtp = LMTP
desk-channel-file = ファイル
desk-channel-http = HTTP
desk-channel-imap = IMAP
desk-channel-maildir = Maildir
desk-channel-mbox = mbox
desk-report-unproven = 未証明
desk-report-left-out = 未証明のため、集計に加えない
desk-report-distrusted = { $domain }（intake.distrusted_reporters で信頼しないとしたため、集計に加えない）
desk-report-to = 宛先
desk-report-evidence = 証拠
desk-report-download = 受け取ったまま保存
desk-report-parts = 内容
desk-failure-let-go = そのメールについての内容は保存期間（lake.failure_days）を過ぎました。
desk-failure-people = アドレスはドメインだけを示します。個人に関わる部分は証拠にのみあります。
desk-report-rows = 行
desk-report-period = 期間
desk-report-id = レポート ID
desk-report-org = 組織
desk-report-hash = SHA-256
desk-report-text = 先頭の数行（テキスト）
desk-report-binary = 圧縮またはバイナリーのため、テキストとしては表示しません。
desk-report-gone = 今は証拠を読み出せません。
desk-no-such-report = このレポートはありません
desk-no-such-report-says = アドレスが途中で切れているか、この帳簿にないレポートです。

## 入口

desk-sign-in = サインイン
desk-sign-in-nobody = アカウントはまだありません。最初のアカウントを作るリンクは `sekisho serve` の端末またはログにあります。`sekisho people invite` で作り直せます。
desk-login = ログイン名
desk-password = パスワード
desk-code = 二つ目の認証コード
desk-code-says = 認証アプリに今表示されている 6 桁の数字です。
desk-full-name = 名前
desk-wrong = ログイン名、パスワード、コードのいずれかが違います。
desk-wait = 試行回数が多すぎます。{ $seconds } 秒後にもう一度お試しください。
desk-identity = 外部認証
desk-identity-with = { $name } でサインイン
desk-identity-join = { $name } で参加
desk-identity-says = { $name } が本人確認を代行します。そちらでサインインすれば、ここでのパスワードやコードは不要です。
desk-identity-link = アカウントを連携
desk-identity-unlink = 連携を解除
desk-identity-leave = { $name } へ進む
desk-identity-leave-says = 今後このアカウントに入る本人として { $name } でサインインしてください。
desk-account-done-identity = 外部認証を変更しました。
desk-identity-stale = このサインインは無効です
desk-identity-stale-says = 時間切れか、別のブラウザーからの続きか、使用済みです。最初からやり直してください。
desk-identity-silent = 認証プロバイダーから応答がありません
desk-identity-silent-says = 本人確認ができませんでした。理由はログにあります。少し待ってからもう一度試すか、パスワードでサインインしてください。
desk-identity-refused = 入れません
desk-identity-refused-says = 認証プロバイダーで確認できなかったか、アカウントがロックされています。理由はログにあります。パスワードがあれば、パスワードでサインインできます。
desk-identity-stranger = ここに登録がありません
desk-identity-stranger-says = 認証プロバイダーでは確認できましたが、ここにアカウントがなく、許可する規則もありません。管理者に招待を依頼するか、パスワードのあるアカウントならサインインしてアカウントのページで連携してください。
desk-identity-known = この ID には既にアカウントがあります
desk-identity-known-says = 一つの ID で入れるアカウントは一つです。その ID でサインインするか、そのアカウントのページで連携を解除してください。
desk-join = アカウントの作成
desk-join-says = このリンクは一度だけ使えます。ログイン名と 12 文字以上のパスワードを決めてください。
desk-new-password = 新しいパスワード
desk-new-password-says = このリンクは一度だけ使えます。12 文字以上の新しいパスワードを決めてください。二つ目の認証は解除されます。
desk-join-gone = このリンクは使えません
desk-join-gone-says = 使用済みか、期限切れか、途中で切れています。`sekisho people invite` または `sekisho people reset` で作り直せます。
desk-join-taken = このログイン名は使われています。
desk-join-bad-login = ログイン名は英小文字、数字、. _ - @ + からなる 1～64 文字です。
desk-weak = パスワードが短すぎるか、長すぎるか、推測されやすいものです。
desk-join-do = アカウントを作る
desk-new-password-do = パスワードを設定
desk-not-yours = 閲覧の権限がありません
desk-not-yours-says = このアカウントの権限では見られません。デスクの管理者が変更できます。
desk-stale-form = フォームが古くなっています
desk-stale-form-says = 別のセッションで作られたフォームです。前のページを読み込み直して、もう一度送ってください。
desk-no-answer-for-people = 今は誰も入れません

## 自分のアカウント

desk-account = アカウント
desk-account-name = 名前と言語
desk-account-done-name = 名前と言語を設定しました。
desk-account-done-password = パスワードを設定しました。ほかのセッションはすべて終了しました。
desk-account-done-second-factor = 二つ目の認証を変更しました。ほかのセッションはすべて終了しました。
desk-account-done-token = トークンを取り消しました。
desk-account-done-session = セッションを終了しました。
desk-set = 設定
desk-password-now = 現在のパスワード
desk-password-again = 新しいパスワード（確認）
desk-password-differs = 二つの新しいパスワードが一致しません。
desk-password-ends = ほかのセッションはすべて終了します。
desk-password-short = パスワードは { $least } 文字以上です。
desk-password-long = パスワードは { $most } 文字以下です。
desk-password-obvious = 推測されやすいパスワードです。
desk-proof-wrong = 現在のパスワードまたはコードが違います。
desk-second-factor = 二つ目の認証
desk-second-factor-says = サインインのたびに、パスワードに加えて認証アプリの 6 桁の数字を入力します。
desk-second-factor-set = 二つ目の認証を設定
desk-second-factor-remove = 二つ目の認証を解除
desk-second-factor-how = 認証アプリで読み取り、表示されたコードを入力してください。
desk-second-factor-drawing = 秘密鍵の QR コード
desk-second-factor-typed = 手で入力する場合
desk-is-set = 設定済み
desk-is-not-set = 未設定
desk-sessions = セッション
desk-begun = 開始
desk-last-seen = 最終使用
desk-this-session = 使用中
desk-session-end = 終了
desk-tokens = API トークン
desk-tokens-says = プログラムがあなたの名前で入るためのものです。あなた以上の権限は持ちません。
desk-tokens-many = トークンの数が上限です。先にどれかを取り消してください。
desk-token-once = 新しいトークンです。表示は今回だけです。持っている人は誰でもあなたの名前で入れます。
desk-token-new = 新しいトークン
desk-token-label = 用途
desk-token-days = 日数
desk-token-add = トークンを作る
desk-token-revoke = 取り消す
desk-role = 役割

## 利用者

desk-people = 利用者
desk-people-says = 入れる人と、それぞれが見られる範囲です。
desk-oneself = （自分）
desk-invite = 招待
desk-invite-act = リンクを作る
desk-link-place = { $place } へのリンクです。相手もそこで開ける必要があります。別のアドレスは設定の `oidc.desk` で指定します。
desk-link-once = 相手に渡すリンクです。一度だけ、三日間使えます。リンクを持つ人がアカウントを得ます。
desk-scope = ドメイン
desk-scope-says = 一行に一つ。その下のドメインも含みます。空欄ならすべて。
desk-scope-bad = 読み取れません。ドメインは一行に一つ、200 個までです。
desk-sees-nothing = ドメインがないため、このアカウントには何も見えません。
desk-appoint-says = この人のセッションはすべて終了します。空欄ならすべて。
desk-person-change = 変更
desk-person-reset = パスワード再設定のリンク
desk-person-disable = 締め出す
desk-person-enable = 再び入れる
desk-not-oneself = 自分の権限は変更できません
desk-not-oneself-says = 別の管理者か、端末の `sekisho people` で変更できます。
desk-nobody = このログイン名の人はいません
desk-nobody-says = アドレスが途中で切れているか、別のログイン名です。

## 監査ログ

desk-audit = 監査ログ
desk-audit-says = 人とプログラムによる変更と、証拠の閲覧の記録です。書き換えられることはありません。
desk-audit-who = 誰が
desk-audit-what = 何を
desk-audit-subject = 対象
desk-audit-nobody = 端末またはシステム
desk-audit-stranger = サインイン前
desk-audit-empty = 該当する記録はありません。

## 設定

desk-settings = 設定
desk-settings-no-file = 設定ファイルはなく、すべて既定値です。
desk-settings-how = 設定はファイルです。書き換え、検査し、読み直させます。進行中の会話は終わりまで元の設定のままです。
desk-settings-written = ファイルに書かれたもの
desk-settings-in-force = 有効な設定
desk-privacy = 誰のメールの何を残すか
desk-privacy-says = メールについて何を残せるかは、受け取る側の同意によります（通信の秘密）。受信者ごとに規則が違うメールには、いちばん厳しいものを適用します。
desk-privacy-everybody = その他すべて
desk-privacy-whose = 受信者
desk-privacy-kept = 残すか
desk-privacy-nothing = 何も残さない
desk-privacy-names = @ より前
desk-privacy-omit = 省く項目
desk-privacy-long = 期間
desk-privacy-consent = 同意
desk-privacy-for-ever = 無期限
desk-privacy-days = { $days } 日
desk-privacy-how = 変え方
desk-local-parts-hash = ハッシュ
desk-local-parts-keep = そのまま
desk-local-parts-drop = 残さない
desk-yes = 残す

## 状態

desk-health = 状態
desk-health-since = デーモンの起動以降:
desk-health-part = 部分
desk-health-state = 状態
desk-health-figure = 値
desk-health-meaning = 意味
desk-condition-pass = 良好
desk-condition-odd = 要確認
desk-condition-fail = 異常
desk-health-gate = ゲート
desk-health-gate-ready = 件の会話が進行中です（起動以降 { $begun } 件）。メールを受け付けています。
desk-health-gate-unused = 件の会話。メールを受け付けていますが、まだ MTA がつながっていません（「接続」を参照）。
desk-health-gate-stopped = 件の会話が進行中です。メールを受け付けていません。
desk-health-wait = 応答
desk-health-wait-says = { $mails } 通の半数が応答を待った時間です。100 通中 99 通は { $most } でした。
desk-health-wait-none = 応答を待ったメールはまだありません。
desk-health-judges = 判定
desk-health-judges-well = 通のメールが最後まで判定できませんでした。
desk-health-judges-broken = 通のメールが、こちらの不具合で最後まで判定できませんでした。未判定と注記するか一時拒否し、ログに記録しました。
desk-health-dns = DNS
desk-health-dns-well = の問い合わせに答えがありませんでした（{ $asked } 件中）。キャッシュには { $kept } 件あります。
desk-health-dns-ill = の問い合わせに答えがありませんでした（{ $asked } 件中）。ネームサーバーを確かめてください。キャッシュには { $kept } 件あります。
desk-health-events = イベント
desk-health-events-well = 件のイベントを起動以降残し、失ったものはありません。表にまだ入っていないものは { $unsettled } 件です。
desk-health-events-failures = 件のイベントを残しましたが、レイクが { $failures } 回失敗してやり直しました。ディスクとログを確かめてください。表にまだ入っていないものは { $unsettled } 件です。
desk-health-events-dropped = 件のイベントを残しましたが、レイクが追いつかず { $dropped } 件を失いました。ディスクとログを確かめてください。
desk-health-lake = レイク
desk-health-lake-well = が { $files } ファイル、{ $rows } 行にあります。
desk-health-lake-away = レイクが答えません。理由はログにあります。
desk-health-ledger = 台帳
desk-health-ledger-well = 件の仕事が待っているか進行中です。
desk-health-ledger-dead = 件の仕事が待っているか進行中です。ほかに { $dead } 件は何度試してもできず、あきらめました。下に理由とともに挙げます。
desk-health-ledger-away = 台帳が答えません。戻るまでレポートの送信者には後で送り直してもらいます。メールの判定は続きます。
desk-health-disk = ディスク
desk-health-disk-well = がデータフォルダーのあるディスクの空きです（{ $room }）。
desk-health-disk-scarce = がデータフォルダーのあるディスクの空きです（{ $room }）。保存日数（[lake]）を減らすか、増設してください。
desk-health-disk-full = がデータフォルダーのあるディスクの空きです（{ $room }）。満杯になるとレポートは後回しになり、イベントは失われます。
desk-health-disk-away = データフォルダーのあるディスクの空きが分かりません。
desk-health-process = プロセス
desk-health-process-says = のメモリーを使っています。開いているファイルは { $files } 個です。
desk-health-reloads = 設定の読み直し
desk-health-reloads-well = 回、設定を読み直しました。
desk-health-reloads-refused = 回、設定を読み直しました。{ $refused } 回は変更後のファイルに誤りがあり、前の設定のままです。誤りはログにあります。
desk-health-jobs = 待っている仕事
desk-health-queue = 種類
desk-health-number = 件数
desk-health-oldest = 最も古いもの
desk-job-waiting = 待機
desk-job-leased = 進行中
desk-job-dead = あきらめた
desk-given-up = あきらめた仕事
desk-job-about = 対象
desk-job-tries = 回数
desk-job-since = 時刻
desk-job-why = 最後に失敗した理由
desk-job-retry = もう一度試す
desk-job-retry-all = この { $count } 件をもう一度試す
desk-health-table = 表
desk-health-days = 日数
desk-health-rows = 行
desk-health-files = ファイル
