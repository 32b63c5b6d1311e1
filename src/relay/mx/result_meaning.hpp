// The meaning of the result of one session with an exchanger, for the next one: whether another
// host is tried, whether the connection is used again, and whether the site is sent less. Pure.
#pragma once

#include <optional>
#include <postroad/report.hpp>
#include <postroad/result.hpp>
#include <string>

#include "queue/carrier.hpp"
#include "relay/mx/reply_rules.hpp"

namespace postroad::relay::mx {

/// The host does not serve now, so that another one may: the session ended before a reply to MAIL,
/// or the reply was 421.
bool is_failure_of_host(const Result<SendReport>& result);
/// A session without TLS: the host refuses all recipients since it demands TLS, as far as its reply
/// says so ("530", "5.7.10", "must use TLS").
bool wants_tls(const Result<SendReport>& result);
/// The TLS handshake failed.
bool is_failed_handshake(const Result<SendReport>& result);
/// An SMTP session was opened, which a host that cannot be reached does not cost.
bool had_session(const Result<SendReport>& result);
/// The host takes no further message on this connection: 421, or 4.7.x, at the greeting or at MAIL.
/// On a connection that has carried a message before, a new one is worth a try.
bool ends_connection(const Result<SendReport>& result);
/// The host asks for less: a row of the table says so, or no row applies and the reply is 421 or
/// 4.7.x at the greeting or at MAIL, where it is about the client and not about a recipient.
/// `host` is in lower case.
std::optional<queue::Throttle> throttle_of(const Result<SendReport>& result,
                                           const std::string& host, const ReplyRules& rules);
/// A row of the table says that the refusal is about the recipient or the message alone, whatever
/// its code is: no other host is tried, and the site goes on.
bool concerns_message(const Result<SendReport>& result, const std::string& host,
                      const ReplyRules& rules);
/// The failure, for people.
std::string text_of(const Result<SendReport>& result, const std::string& host);

}  // namespace postroad::relay::mx
