### 検査しなかった項目と、全検査を踏まえた判定。引数は Step のもの。

envelope-no-client-address = 未検査: 接続元の IP アドレスが不明（--client-ip で指定）
envelope-told-by-border = ここでは検査せず: 自組織の MTA が { $domain } の SPF を pass と判定済み
envelope-no-mail-from = 未検査: MAIL FROM アドレスが不明（--mail-from で指定）
envelope-no-helo = 未検査: HELO 名が不明（--helo で指定）
verdict-author = 差出人ドメインが一つに定まらないメールは拒否（{ $reason }）
verdict-accept = 受け入れを妨げる理由はない（DMARC: { $dmarc }）
verdict-quarantine = DMARC に失敗し、ドメイン所有者は隔離を求めている
verdict-reject-needs-more = DMARC に失敗し、ドメイン所有者は拒否を求めているが、それだけでは拒否の根拠に足りないため隔離
verdict-arc-override = DMARC に失敗したが、信頼する中継者が以前に成功を確認している
verdict-arc-uncounted = 信頼する中継者が以前に DMARC の成功を確認しているが、封印された内容と異なるものを表示するメールソフトがありうるため、数えない
verdict-try-later = DNS の応答が得られず、応答次第で判定が変わるため、再送を待つ
verdict-temperror-without-effect = DNS の応答が得られないが、ポリシーはいずれにせよ何も求めていない
verdict-broken-off = 判定が同じ問いを繰り返したため、残りの検査は一時エラーとする（Sekisho の不具合のため要報告）
