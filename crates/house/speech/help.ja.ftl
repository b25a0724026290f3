# What `--help` says in Japanese: the id is the command's path, and `--` with the name of an argument.
# A test compares the ids with the command line, and looks for defaults and choices.

sekisho = メッセージングの関所：メールを検証し、その理由を説明する
sekisho-examples =
    例:
      sekisho check mail.eml --client-ip 192.0.2.1 --helo mx.example.org --mail-from a@example.org
      sekisho check mail.eml --trust-received mx.example.net --lang ja
      sekisho check ~/Maildir --json
      sekisho serve
      sekisho config show

    終了コード: 0 完了し問題なし、1 完了したが見つかったものがある、2 実行できなかった

sekisho--lang = 日本語（ja）か英語（en）で表示する。指定がなければロケールに従う

sekisho-check = メールを判定する（SPF、DKIM、ARC、DMARC）。理由も示す
sekisho-check-examples =
    例:
      受け取ったサーバーと同じようにメールを判定する:
        sekisho check mail.eml --client-ip 192.0.2.1 --helo mx.example.org --mail-from a@example.org

      自分のサーバーが書いた Received フィールドから、クライアントと挨拶を読み取る:
        sekisho check mail.eml --trust-received mx.example.net

      もしそのドメインが拒否を求めていたらどうなるかを尋ねる:
        sekisho check mail.eml --what-if 'TXT _dmarc.example.org=v=DMARC1; p=reject'

      DNS の回答を保存し、来年でもオフラインで同じメールを判定し直す:
        sekisho check mail.eml --save-facts mail.facts
        sekisho check mail.eml --facts mail.facts

    終了コード: 0 すべて受け入れる、1 受け入れないと判定したものがある、2 判定できなかったものがある
sekisho-check--files = メールのファイル、mbox、Maildir のフォルダー。`-` は標準入力
sekisho-check--client_ip = メールを渡してきたクライアントの IP アドレス。なければ SPF は調べない
sekisho-check--helo = クライアントが HELO または EHLO で名乗った名前
sekisho-check--mail_from = MAIL FROM のアドレス。'' は空のパス。指定がなければ Return-Path を読む
sekisho-check--trust_received = 上から N 番目の、または HOST が書いた最初の Received フィールドから、クライアントと挨拶を読み取る
sekisho-check--dns = このサーバーに尋ねる：ADDR:PORT、tls://ADDR[:PORT][#NAME]、https://HOST/PATH
sekisho-check--zone = すべての回答をテキストのゾーンファイルから得る（オフライン）
sekisho-check--facts = --save-facts で保存した回答で判定し直す（オフライン）
sekisho-check--save_facts = 判定ごとに、エンベロープと回答とポリシーをファイルに保存する
sekisho-check--what_if = この回答に置き換えてもう一度判定し、何が変わるかを示す。複数指定できる
sekisho-check--timeout = メール 1 通の回答を待つ秒数［既定: 20］
sekisho-check--at = この時刻の時点で判定する。例: 2026-05-01T12:00:00Z
sekisho-check--steps = どの検査の手順を示すか：none（示さない）、failed（pass でなかった検査を決めたもの。既定）、all（すべて）。JSON では none のほかはすべて書く
sekisho-check--json = JSON で書く。メールが複数なら 1 通を 1 行にする
sekisho-check--config = ./sekisho.toml や /etc/sekisho/sekisho.toml の代わりにこの設定を読む

sekisho-config = 設定を検査し、有効な値を示し、Postfix の設定と合わせて調べる
sekisho-config--config = ./sekisho.toml や /etc/sekisho/sekisho.toml の代わりにこの設定を読む
sekisho-config--json = JSON で書く
sekisho-config-check = 設定を読み、誤りを行番号とともにすべて示す
sekisho-config-show = 有効な値と、それぞれがどこから来たかを示す
sekisho-config-doctor = Postfix の設定と合わせて調べ、変えるべき点を示す。何も書き換えない
sekisho-config-doctor--postfix = Postfix の main.cf があるフォルダー［既定: あれば /etc/postfix］

sekisho-held = Postfix の保留キューのメールを一覧し、配送に戻す
sekisho-held--postfix = Postfix の main.cf があるフォルダー［既定: /etc/postfix］
sekisho-held--config = ./sekisho.toml や /etc/sekisho/sekisho.toml の代わりにこの設定を読む
sekisho-held--json = JSON で書く。1 通を 1 オブジェクトにする
sekisho-held-list = 誰から来たか、いつからあるか、なぜ保留されたかを示す
sekisho-held-release = メールを配送に戻す。そのまま配送され、判定はもう行わない
sekisho-held-release--ids = キュー ID。`sekisho held list` が示すもの

sekisho-jobs = 待っている仕事とあきらめた仕事を一覧する。あきらめた仕事をもう一度試す
sekisho-jobs-examples =
    例:
      待っている仕事と、あきらめた仕事:
        sekisho jobs list

      Webhook の受信側が復旧した:
        sekisho jobs retry --dead --queue webhook

    終了コード: 0 完了して問題なし、1 あきらめた仕事がある、2 できなかった
sekisho-jobs--config = ./sekisho.toml や /etc/sekisho/sekisho.toml の代わりにこの設定を読む
sekisho-jobs--json = JSON で書く。1 オブジェクトを 1 行にする
sekisho-jobs-list = 終わっていない仕事を一覧する。あきらめた仕事を理由とともに先に示す
sekisho-jobs-list--state = この状態だけ：waiting、leased、done、dead
sekisho-jobs-list--queue = このキューだけ（一覧の表示どおり）
sekisho-jobs-retry = あきらめた仕事を、最初と同じ回数だけもう一度試す
sekisho-jobs-retry--ids = 仕事の ID（一覧の表示どおり）
sekisho-jobs-retry--dead = あきらめた仕事すべて
sekisho-jobs-retry--queue = このキューだけ
sekisho-people = 画面に入れる人を一覧し、招待し、パスワードを再設定させ、締め出す
sekisho-people-examples =
    例:
      顧客を招待し、一つのドメインに関するものだけを見せる:
        sekisho people invite --role viewer --domain example.org

      パスワードや電話をなくした人のために:
        sekisho people reset hana

    終了コード: 0 完了、2 実行できなかった
sekisho-people--config = ./sekisho.toml や /etc/sekisho/sekisho.toml の代わりにこの設定を読む
sekisho-people--json = JSON で書く。1 オブジェクトを 1 行にする
sekisho-people-list = 画面に入れる人と、その役割を一覧する
sekisho-people-invite = 自分のアカウントを作るためのリンクを表示する。一度だけ、三日間使える
sekisho-people-invite--role = できること：viewer（閲覧）、analyst（分析）、admin（管理）
sekisho-people-invite--domains = 見られるもの：このドメインとその下。複数指定できる。指定がなければすべて
sekisho-people-invite--desk = 画面の URL［既定: `oidc.desk`、なければ `http.listen` の最初のアドレス］
sekisho-people-reset = 新しいパスワードを設定するためのリンクを表示する。第二要素も外れる
sekisho-people-reset--login = サインインに使う名前
sekisho-people-reset--desk = 画面の URL［既定: `oidc.desk`、なければ `http.listen` の最初のアドレス］
sekisho-people-disable = 締め出す。セッションは終わり、トークンも使えなくなる
sekisho-people-disable--login = サインインに使う名前
sekisho-people-enable = 締め出した人を再び入れる
sekisho-people-enable--login = サインインに使う名前

sekisho-cluster = lake への問いに共同で答えるクラスターの一員になる（クラスター付きで作られたプログラムのみ）
sekisho-cluster-examples =
    例:
      このマシンの上のクラスター。それぞれ別の端末で:
        sekisho cluster scheduler
        sekisho cluster executor --scheduler 127.0.0.1:50050

      問い合わせる:
        sekisho lake query 'SELECT count(*) FROM mail' --cluster df://127.0.0.1:50050

    パスワードは求められず、暗号化もない。ループバックか専用のネットワークで待ち受けること。

    終了コード: 0 順序正しく停止した、2 実行できなかった
sekisho-cluster--config = ./sekisho.toml や /etc/sekisho/sekisho.toml の代わりにこの設定を読む
sekisho-cluster-scheduler = 問いを受け取り、タスクに分けて実行役に渡す。クラスターに 1 つ
sekisho-cluster-scheduler--listen = このアドレスで待ち受ける。既定は 127.0.0.1:50050
sekisho-cluster-scheduler--executor_timeout = 実行役がこの秒数だけ黙ったら、そのタスクをほかに渡す。忙しい実行役は 5 秒ごとに知らせる。10 以上、既定は 15
sekisho-cluster-executor = タスクを実行する。マシンの数だけ動かす
sekisho-cluster-executor--scheduler = このスケジューラーからタスクを受け取る
sekisho-cluster-executor--listen = 結果を取りに来る相手をこのアドレスで待ち受ける。既定は 127.0.0.1:50051
sekisho-cluster-executor--lake = データフォルダーの lake の代わりに、このフォルダーの lake を読む。どこからも同じファイルが見えること
sekisho-cluster-executor--work = 計算した結果を、渡すまで、一時フォルダーの代わりにこのフォルダーに置く
sekisho-cluster-executor--slots = 同時に実行するタスクの数。既定はプロセッサーの数

sekisho-lake = 保存されたもの（判定、事実、レポートの行）に SQL で尋ねる
sekisho-lake-examples =
    例:
      ある日、あるドメインの名前で最も多く送ったのは誰か:
        sekisho lake query "SELECT client_ip, count(*) AS mails FROM mail
          WHERE day = '2026-11-22' AND author_domain = 'example.org' GROUP BY client_ip ORDER BY mails DESC LIMIT 20"

    終了コード: 0 完了、2 実行できなかった
sekisho-lake--config = ./sekisho.toml や /etc/sekisho/sekisho.toml の代わりにこの設定を読む
sekisho-lake--json = JSON で書く。1 行を 1 オブジェクトにする
sekisho-lake-query = 問いに答える。読むだけの文にのみ答える
sekisho-lake-query--sql = 問い。SELECT で書く
sekisho-lake-query--csv = CSV で書く。数式になるものは含まれない
sekisho-lake-query--cluster = df://HOST:PORT のクラスターに答えさせる。クラスターに見えるのはファイルになったもの
sekisho-lake-tables = 表と、その中身の量を一覧する
sekisho-lake-tables--cluster = df://HOST:PORT のクラスターに行を数えさせる。クラスターに見えるのはファイルになったもの
sekisho-lake-retain = [lake] の保存期間を過ぎた日を消す。デーモンは自分で行う
sekisho-lake-compact = 多くの小さなファイルを少数の大きなファイルにまとめる。デーモンは自分で行う

sekisho-report = ほかから届くレポートを取り込み、一覧し、内容を示し、自分のレポートを送る
sekisho-report-examples =
    例:
      フォルダー、Maildir、mbox のレポートをすべて取り込む。二度行っても二重には数えない:
        sekisho report import ~/Maildir reports.mbox old-reports/

      あるドメインの名前で誰が送っているかを示す:
        sekisho report show example.org

      SPF レコードにない送信元と、公開するレコードを示す:
        sekisho report spf-omissions example.org --own 192.0.2.0/24 --own 'Amazon SES'

      昨日について、どのレポートを誰に送ることになるかを示す:
        sekisho report out --dry-run

    終了コード: 0 完了、1 読めない、送れないものがあった、または何も見つからなかった、2 実行できなかった
sekisho-report--config = ./sekisho.toml や /etc/sekisho/sekisho.toml の代わりにこの設定を読む
sekisho-report--json = JSON で書く
sekisho-report-import = レポートを取り込む（ファイル、フォルダー、mbox、Maildir、IMAP のメールボックス）
sekisho-report-import--paths = レポートのある場所
sekisho-report-import--password_file = メールボックスのパスワードを SEKISHO_IMAP_PASSWORD ではなくこのファイルから読む
sekisho-report-import--ca_file = メールボックスのサーバーに、システムではなくこの認証局（PEM）を信頼する
sekisho-report-import--dns = 送信者の確認のためにこのサーバーに尋ねる：ADDR:PORT、tls://ADDR[:PORT][#NAME]、https://HOST/PATH
sekisho-report-list = 届いたレポートと、その扱いを新しい順に一覧する
sekisho-report-list--state = この状態のものだけ：received、read、unreadable、ignored、duplicate
sekisho-report-list--limit = 最大の件数［既定: 50］
sekisho-report-show = 受信側の報告から、あるドメインの名前で誰が送り、何が pass かを示す
sekisho-report-show--domain = ポリシーを公開しているドメイン
sekisho-report-show--days = 今日からさかのぼる日数［既定: 30］
sekisho-report-show--unproven = 送信者を確認できないレポートの内容も数える
sekisho-report-show--no_names = 送信元の名前を誰にも尋ねない
sekisho-report-show--dns = 送信元の名前をこのサーバーに尋ねる：ADDR:PORT、tls://ADDR[:PORT][#NAME]、https://HOST/PATH

sekisho-report-spf-omissions = MAIL FROM ドメインの SPF レコードにない自分の送信元と、それを加えたレコードを示す
sekisho-report-spf-omissions--domain = MAIL FROM のドメイン
sekisho-report-spf-omissions--own = そのドメインの意思で送る送信元：アドレス、ネットワーク、ホスト名、送信者の名前。複数指定できる
sekisho-report-spf-omissions--days = 今日からさかのぼる日数［既定: 30］
sekisho-report-spf-omissions--unproven = 送信者を確認できないレポートの内容も数える
sekisho-report-spf-omissions--reports_only = この Sekisho が判定したメールを除き、レポートの内容だけを数える
sekisho-report-spf-omissions--dns = このサーバーに尋ねる：ADDR:PORT、tls://ADDR[:PORT][#NAME]、https://HOST/PATH
sekisho-report-spf-omissions--zone = すべての回答をテキストのゾーンファイルから得る（オフライン）
sekisho-report-out = ある日についての自分のレポートを送る、または何を誰に送ることになるかを示す
sekisho-report-out--dry_run = 何も送らない。送ることになるレポートとその宛先、送らないものはその理由を示す
sekisho-report-out--list = 自分のレポートと、その結果を新しい順に一覧する
sekisho-report-out--day = 対象の日（UTC）［既定: 昨日］
sekisho-report-out--domain = このポリシードメインについてのレポートだけ
sekisho-report-out--xml = レポートそのものを示す
sekisho-report-out--folder = レポートを、添付されるファイルのままこのフォルダーに書く
sekisho-report-out--limit = 一覧する最大の件数［既定: 50］
sekisho-report-out--dns = このサーバーに尋ねる：ADDR:PORT、tls://ADDR[:PORT][#NAME]、https://HOST/PATH

sekisho-serve = デーモンとして働く：MTA が milter プロトコルで示すメールをすべて判定する
sekisho-serve--dns = このサーバーに尋ねる：ADDR:PORT、tls://ADDR[:PORT][#NAME]、https://HOST/PATH
sekisho-serve--config = ./sekisho.toml や /etc/sekisho/sekisho.toml の代わりにこの設定を読む

sekisho-sign = メールに DKIM で署名する、または新しい鍵を作る
sekisho-sign-examples =
    例:
      鍵を作り、表示されるレコードを公開する:
        sekisho sign --new-key ed25519 --domain example.org --selector s1 --out s1.pem

      その鍵でメールに署名する:
        sekisho sign mail.eml --domain example.org --selector s1 --key s1.pem > signed.eml
sekisho-sign--file = 署名するメール。`-` は標準入力
sekisho-sign--domain = 署名するドメイン
sekisho-sign--selector = 鍵のセレクター。--key と組で繰り返すと複数の鍵で署名する
sekisho-sign--key = PEM 形式の秘密鍵。セレクターと同じ順に 1 つずつ
sekisho-sign--headers = 署名するフィールドをコロンで区切って並べる。実際より多く並べたもの、存在しないものは、後から加えられないよう守られる。指定がなければ、読む人の目に触れるフィールドを、それぞれ 2 つ目を加えられないように守って署名する
sekisho-sign--expire = この日数で署名を失効させる
sekisho-sign--canonicalization = ヘッダーと本文の正規化。それぞれ relaxed か simple［既定: relaxed/relaxed］
sekisho-sign--new_key = 署名の代わりに新しい鍵を作り、公開する DNS レコードを表示する：rsa2048（どの検証者も知っている）、rsa3072、ed25519（短いが、まだ知らない検証者もいる）
sekisho-sign--out = 新しい鍵を書くファイル。既にあるファイルは上書きしない
sekisho-sign--json = 新しい鍵について表示する内容を JSON で書く
sekisho-sign--at = この時刻の時点で署名する。例: 2026-05-01T12:00:00Z

sekisho-simulate = 別のレコードが公開されたものとして、受信側の報告を判定し直す（何が fail になり、どうすれば救えるか）
sekisho-simulate-examples =
    例:
      もしそのドメインが拒否を求めたらどうなるか:
        sekisho simulate example.org --record 'v=DMARC1; p=reject'

      もし SPF から送信元を外し、DNS から鍵を消したらどうなるか:
        sekisho simulate example.org --record 'v=spf1 mx -all' --record 's1._domainkey.example.org TXT !nxdomain'

    終了コード: 0 悪くなるものはない、1 悪くなるもの、または判断できないものがある、2 実行できなかった
sekisho-simulate--domain = 受信側が報告し、この Sekisho が判定したドメイン
sekisho-simulate--record = 提案するレコード：本文だけ（v=DMARC1、v=spf1）、または `NAME TYPE DATA`。複数指定できる
sekisho-simulate--days = 今日からさかのぼる日数［既定: 30］
sekisho-simulate--unproven = 送信者を確認できないレポートの内容も数える
sekisho-simulate--reports_only = この Sekisho が判定したメールを除き、レポートの内容だけを数える
sekisho-simulate--no_names = 送信元の名前を誰にも尋ねない
sekisho-simulate--dns = ほかのレコードをこのサーバーに尋ねる：ADDR:PORT、tls://ADDR[:PORT][#NAME]、https://HOST/PATH
sekisho-simulate--zone = ほかのレコードをテキストのゾーンファイルから得る（オフライン）
sekisho-simulate--config = ./sekisho.toml や /etc/sekisho/sekisho.toml の代わりにこの設定を読む
sekisho-simulate--json = JSON で書く
