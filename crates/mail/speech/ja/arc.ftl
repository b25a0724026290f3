### ARC: 各規則の説明文。引数は Step のもの。

arc-none = ARC チェーンはない
arc-set = セット { $instance } は { $domain } が付与し、それ以前のチェーンの状態は { $cv }
arc-structure = ARC フィールドがチェーンをなしていない: { $reason }{ $instance ->
    [0] { "" }
   *[other] （インスタンス { $instance }）
}
arc-closed = シール { $instance } 自身が、それ以前のチェーンは壊れていたと述べている
arc-chain-value = シール { $instance } は cv={ $cv } だが、ここで許されるのは cv={ $expected } のみ
arc-message-fits = { $domain } のメッセージ署名 { $instance } はヘッダーと一致
arc-message-differs = { $domain } のメッセージ署名 { $instance } が一致しない: { $reason }
arc-seal-fits = { $domain } のシール { $instance } は一致
arc-seal-differs = { $domain } のシール { $instance } が一致しない: { $reason }
arc-body-differs = メッセージ署名 { $instance } の後に本文が変更されている
arc-body-uncovered = メッセージ署名 { $instance } の対象より後ろに内容が続いている
arc-pass = チェーンは完全で、最後のシールは { $domain }
