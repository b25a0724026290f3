### 問い合わせなかった項目と、全検査を踏まえた最終判断。

envelope-no-client-address = 未実施: 送信クライアントの IP アドレスが不明（--client-ip で指定）
envelope-no-mail-from = 未実施: MAIL FROM アドレスが不明（--mail-from で指定）
envelope-no-helo = 未実施: HELO 名が不明（--helo で指定）
verdict-author = 使用できる作成者が一人に定まらないメールは拒否する: { $reason }
verdict-accept = 受信を妨げる理由はない（DMARC: { $dmarc }）
verdict-quarantine = DMARC は不合格で、ドメイン所有者は隔離を求めている
verdict-reject-needs-more = DMARC は不合格で、ドメイン所有者は拒否を求めている。ただしそれだけでは拒否の根拠として足りないため隔離とする
verdict-arc-override = ここでは DMARC 不合格だが、信頼する中継者が改変前に合格を確認している
verdict-try-later = DNS の応答が得られず、応答次第で判定が変わるため、送信側の再送を待つ
verdict-temperror-without-effect = DNS の応答は得られないが、いずれにせよポリシーは何も求めていない
