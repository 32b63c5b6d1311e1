// Errors of the client's session, in one wording for the connection and the transaction.
#pragma once

#include <postroad/error.hpp>
#include <postroad/reply.hpp>
#include <string>

#include "proto/smtp/client/client_options.hpp"

namespace postroad::smtp {

inline Error error_at(const ClientOptions& options, Fault fault, Stage stage, std::string detail) {
  auto error = fail(fault, options.server, std::move(detail));
  error.stage = stage;
  return error;
}

/// The reply ends the session. A 2yz or 3yz that the command does not provide for is not an
/// answer to it (RFC 5321 section 4.3.2).
inline Error refusal_at(const ClientOptions& options, Stage stage, const Reply& reply) {
  if (reply.is_success() || reply.is_intermediate()) {
    return error_at(options, Fault::protocol, stage,
                    "unexpected reply to this command: " + reply.one_line());
  }
  auto error = error_at(options, Fault::refused, stage, reply.one_line());
  error.reply_code = reply.code;
  return error;
}

/// Whether the caller asked to stop after `stage`, or after one before it that was not reached.
inline bool is_last_stage(const ClientOptions& options, Stage stage) {
  return options.stop_after && *options.stop_after <= stage;
}

}  // namespace postroad::smtp
