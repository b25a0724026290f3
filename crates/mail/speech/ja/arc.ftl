### ARC: 各規則の説明文。引数は Step のもの。

arc-none = ARC チェーンはない
arc-set = セット { $instance }: { $domain } が付与。それ以前のチェーンの状態は { $cv }
arc-structure = ARC フィールドがチェーンをなしていない: { $reason }（インスタンス { $instance }）
arc-closed = シール { $instance } 自身が、以前のチェーンは壊れていたと述べている
arc-chain-value = シール { $instance } は cv={ $cv } だが、ここで許されるのは cv={ $expected } のみ
arc-message-fits = { $domain } のメッセージ署名 { $instance } はヘッダーと一致
arc-message-differs = { $domain } のメッセージ署名 { $instance } が一致しない: { $reason }
arc-seal-fits = { $domain } のシール { $instance } は一致
arc-seal-differs = { $domain } のシール { $instance } が一致しない: { $reason }
arc-body-differs = 本文がメッセージ署名 { $instance } の対象と異なる
arc-body-uncovered = メッセージ署名 { $instance } の対象の後ろに内容が続いている
arc-pass = チェーンは完全で、最後のシールは { $domain }
