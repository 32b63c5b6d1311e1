// The parameters of MAIL and RCPT that carry MailOptions and RecipientOptions: read by the server,
// written by the client, kept by the spool. Not here: SIZE, BODY, SMTPUTF8 and PRDR, which belong
// to one hop (server_extensions.cpp, mail_transaction.cpp).
//
//   RET=HDRS|FULL  ENVID=xtext  NOTIFY=NEVER|SUCCESS,FAILURE,DELAY  ORCPT=type;xtext      RFC 3461
//   ORCPT=utf-8;…                                                                     RFC 6533
//   section 3 BY=[-]seconds;R|N[T] RFC 2852 HOLDFOR=seconds  HOLDUNTIL=date-time RFC 4865
//   MT-PRIORITY=[-]digit                                                                   RFC 6710
//   REQUIRETLS                                                                             RFC 8689
//   AUTH=xtext                                                                   RFC 4954 section 5
#pragma once

#include <postroad/mail_options.hpp>
#include <string>
#include <string_view>

#include "proto/smtp/path.hpp"

namespace postroad::smtp {

/// The extensions whose parameters may be used.
struct Offered {
  bool dsn = false;
  bool deliver_by = false;
  bool future_release = false;
  bool mt_priority = false;
  bool require_tls = false;
  bool auth = false;
  static Offered all() { return {true, true, true, true, true, true}; }
};

/// The result of reading one parameter.
struct ParameterTaken {
  bool known = false;  ///< it is a parameter of this command and was offered
  std::string error;   ///< why the value is wrong; empty: it is right
};
POSTROAD_QUEUE_EXPORT ParameterTaken take_parameter(const Parameter& parameter,
                                                    const Offered& offered, MailOptions& options);
POSTROAD_QUEUE_EXPORT ParameterTaken take_parameter(const Parameter& parameter,
                                                    const Offered& offered,
                                                    RecipientOptions& options);

/// Why these values do not fit a command line (a line break, out of bounds); empty: they do.
POSTROAD_QUEUE_EXPORT std::string wrong_with(const MailOptions& options);
POSTROAD_QUEUE_EXPORT std::string wrong_with(const RecipientOptions& options);

/// Appends the parameters, each with a leading space. `utf8`: ORCPT may hold UTF-8 unencoded.
POSTROAD_QUEUE_EXPORT void append_parameters(const MailOptions& options, std::string& line);
POSTROAD_QUEUE_EXPORT void append_parameters(const RecipientOptions& options, bool utf8,
                                             std::string& line);

/// An Internet date-time in UTC (RFC 3339), "2026-11-28T09:00:00Z"; nullopt for anything else.
std::optional<std::chrono::sys_seconds> parse_date_time(std::string_view text);
std::string format_date_time(std::chrono::sys_seconds time);

}  // namespace postroad::smtp
