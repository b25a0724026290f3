### What the HTTP API refuses, and why.

problem-unknown-parameter = Unknown parameter
problem-unknown-parameter-says = There is no parameter called `{ $name }` here{ $known ->
    [yes] ; did you mean `{ $nearest }`?
   *[no] .
}
problem-bad-parameter = Unreadable parameter
problem-bad-parameter-says = `{ $name }` has a value that it cannot have, or stands there twice. The document at /api/v1/openapi.json says what it may be.
problem-bad-cursor = Wrong cursor
problem-bad-cursor-says = This cursor is none, or one of another search. Begin again without it.
problem-bad-body = Unreadable request
problem-bad-body-says = The request is not what the document at /api/v1/openapi.json says.
problem-two-tokens = Two tokens
problem-two-tokens-says = There are several `Authorization` fields: send one.
problem-no-token = Not signed in
problem-no-token-says = Show a token: `Authorization: Bearer sekisho_…`. It is made on the account page of the desk.
problem-bad-token = Wrong token
problem-bad-token-says = This token opens nothing: it is wrong, expired or revoked, or its person is locked out.
problem-not-allowed = Not allowed
problem-not-allowed-says = The role of this token is too small for that.
problem-not-yours = Not yours
problem-not-yours-says = This domain lies outside the scope of this token.
problem-token-only = Only with a token
problem-token-only-says = A browser's session may only GET here. Show a token.
problem-nowhere = No such path
problem-nowhere-says = The API has nothing at this path. /api/v1/openapi.json lists all that it has.
problem-no-message = No such message
problem-no-message-says = No message has this id, or none that this token may see.
problem-no-report = No such report
problem-no-report-says = No report that came has this id, or none that this token may see.
problem-nothing-known = Nothing known
problem-nothing-known-says = Neither a report nor the gate told anything of { $domain } in these days.
problem-bad-method = No such method
problem-bad-method-says = This path does not take that method; `Allow` says which it takes.
problem-too-large = Too large
problem-too-large-says = The body is longer than is taken here.
problem-bad-media-type = Wrong media type
problem-bad-media-type-says = This path takes `{ $kind }`, and the field Content-Type must say so.
problem-bad-records = Unreadable records
problem-bad-records-says = The records cannot be judged.
problem-no-mail = No mail
problem-no-mail-says = The body is no mail: it has no header.
problem-too-many = Too many requests
problem-too-many-says = Too many requests of this account are under way at a time. `Retry-After` says when to ask again.
problem-no-answer = No answer
problem-no-answer-says = The books do not answer just now. `Retry-After` says when to ask again.
problem-fault = A fault of ours
problem-fault-says = Something went wrong here; the log of the daemon says what.
