// The names of the stages; see stage.hpp.
#include <postroad/stage.hpp>

#include <array>
#include <ostream>

#include "base/text.hpp"

namespace postroad {

namespace {

struct Name {
  Stage stage;
  std::string_view text;
};

constexpr std::array<Name, 35> names{{
    {Stage::none, ""},
    {Stage::proxy, "PROXY"},
    {Stage::connect, "CONNECT"},
    {Stage::tls, "TLS"},
    {Stage::lhlo, "LHLO"},
    {Stage::helo, "HELO"},
    {Stage::ehlo, "EHLO"},
    {Stage::starttls, "STARTTLS"},
    {Stage::xclient, "XCLIENT"},
    {Stage::username, "USERNAME"},
    {Stage::password, "PASSWORD"},
    {Stage::auth_plain, "AUTH PLAIN"},
    {Stage::auth_login, "AUTH LOGIN"},
    {Stage::auth_cram_md5, "AUTH CRAM-MD5"},
    {Stage::auth_scram_sha_1, "AUTH SCRAM-SHA-1"},
    {Stage::auth_scram_sha_1_plus, "AUTH SCRAM-SHA-1-PLUS"},
    {Stage::auth_scram_sha_256, "AUTH SCRAM-SHA-256"},
    {Stage::auth_scram_sha_256_plus, "AUTH SCRAM-SHA-256-PLUS"},
    {Stage::auth_xoauth2, "AUTH XOAUTH2"},
    {Stage::auth_oauthbearer, "AUTH OAUTHBEARER"},
    {Stage::auth_external, "AUTH EXTERNAL"},
    {Stage::auth, "AUTH"},
    {Stage::mail, "MAIL FROM"},
    {Stage::rcpt, "RCPT TO"},
    {Stage::data, "DATA"},
    {Stage::bdat, "BDAT"},
    {Stage::message_data, "MESSAGE DATA"},
    {Stage::end_of_data, "END OF DATA"},
    {Stage::rset, "RSET"},
    {Stage::noop, "NOOP"},
    {Stage::vrfy, "VRFY"},
    {Stage::expn, "EXPN"},
    {Stage::help, "HELP"},
    {Stage::quit, "QUIT"},
    {Stage::command, "COMMAND"},
}};

constexpr bool is_in_order() {
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (static_cast<std::size_t>(names[i].stage) != i) return false;
  }
  return static_cast<std::size_t>(Stage::command) + 1 == names.size();
}
static_assert(is_in_order(), "one row per stage, in the order of the enumeration");

}  // namespace

std::string_view to_string(Stage stage) noexcept {
  const auto index = static_cast<std::size_t>(stage);
  return index < names.size() ? names[index].text : std::string_view{};
}

std::ostream& operator<<(std::ostream& out, Stage stage) { return out << to_string(stage); }

Stage stage_of(std::string_view name) noexcept {
  for (const auto& row : names) {
    if (iequals(row.text, name)) return row.stage;
  }
  return Stage::command;
}

}  // namespace postroad
