### HTTP APIが断るときの言葉。

problem-unknown-parameter = 知らないパラメーター
problem-unknown-parameter-says = ここに`{ $name }`というパラメーターはない{ $known ->
    [yes] 。`{ $nearest }`のことか。
   *[no] 。
}
problem-bad-parameter = 読めないパラメーター
problem-bad-parameter-says = `{ $name }`の値が許されないものか、二度書かれている。許される値は/api/v1/openapi.jsonにある。
problem-bad-cursor = 合わないカーソル
problem-bad-cursor-says = カーソルが読めないか、別の検索のものである。カーソルなしで始めからたどる。
problem-bad-body = 読めない要求
problem-bad-body-says = 要求が/api/v1/openapi.jsonのとおりでない。
problem-two-tokens = トークンが二つ
problem-two-tokens-says = `Authorization`フィールドが複数ある。一つだけ送る。
problem-no-token = サインインしていない
problem-no-token-says = トークンを示す: `Authorization: Bearer sekisho_…`。デスクのアカウントのページで作る。
problem-bad-token = 無効なトークン
problem-bad-token-says = このトークンは使えない。誤り、期限切れ、取り消し済み、または持ち主が締め出されている。
problem-not-allowed = 権限がない
problem-not-allowed-says = このトークンの役割ではできない。
problem-not-yours = 範囲の外
problem-not-yours-says = このドメインはトークンの範囲の外にある。
problem-token-only = トークンが必要
problem-token-only-says = ブラウザーのセッションでできるのはGETだけである。トークンを示す。
problem-nowhere = ないパス
problem-nowhere-says = APIにこのパスはない。すべてのパスは/api/v1/openapi.jsonにある。
problem-no-message = ないメール
problem-no-message-says = このIDのメールはないか、このトークンでは見られない。
problem-no-report = ないレポート
problem-no-report-says = このIDの届いたレポートはないか、このトークンでは見られない。
problem-nothing-known = 知られていない
problem-nothing-known-says = この期間、{ $domain }についてのレポートもゲートの記録もない。
problem-bad-method = ないメソッド
problem-bad-method-says = このパスはそのメソッドを受けない。受けるものは`Allow`にある。
problem-too-large = 大きすぎる
problem-too-large-says = 本文がここで受ける長さを超えている。
problem-bad-media-type = 違うメディアタイプ
problem-bad-media-type-says = このパスが受けるのは`{ $kind }`である。Content-Typeにそう書く。
problem-bad-records = 読めないレコード
problem-bad-records-says = レコードを判定できない。
problem-no-mail = メールではない
problem-no-mail-says = 本文はメールではない。ヘッダーがない。
problem-too-many = 要求が多すぎる
problem-too-many-says = このアカウントの要求が同時に多すぎる。いつ聞き直すかは`Retry-After`にある。
problem-no-answer = 答えがない
problem-no-answer-says = 記録がいま答えない。いつ聞き直すかは`Retry-After`にある。
problem-fault = こちらの故障
problem-fault-says = ここで何かが壊れた。詳しくはデーモンのログにある。
