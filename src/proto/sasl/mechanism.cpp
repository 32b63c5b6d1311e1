// The table of mechanisms; see mechanism.hpp.
#include "proto/sasl/mechanism.hpp"

#include <array>

#include "proto/sasl/makers.hpp"
#include "proto/sasl/prepare.hpp"

namespace postroad::sasl {

namespace {

using crypto::Digest;

enum class Proves : std::uint8_t { password, token, certificate };

struct Row {
  std::string_view name;
  Proves by;
  bool plus;        // bound to the TLS channel
  bool authorizes;  // can carry an authorization identity
  std::unique_ptr<Server> (*server)(const Context&);
  std::unique_ptr<Client> (*client)(const Credentials&, const Context&);
};

template <Digest digest, bool plus>
std::unique_ptr<Server> scram_server(const Context& context) {
  return make_scram_server(digest, plus, context);
}
template <Digest digest, bool plus>
std::unique_ptr<Client> scram_client(const Credentials& credentials, const Context& context) {
  return make_scram_client(digest, plus, credentials, context);
}

// Strongest first: channel binding; proof without the password; a token that can be revoked; the
// password itself.
// clang-format off
constexpr std::array<Row, 10> table{{
  {"EXTERNAL",           Proves::certificate, false, true, make_external_server, make_external_client},
  {"SCRAM-SHA-256-PLUS", Proves::password, true, true,  scram_server<Digest::sha256, true>,  scram_client<Digest::sha256, true>},
  {"SCRAM-SHA-1-PLUS",   Proves::password, true, true,  scram_server<Digest::sha1, true>,    scram_client<Digest::sha1, true>},
  {"SCRAM-SHA-256",      Proves::password, false, true, scram_server<Digest::sha256, false>, scram_client<Digest::sha256, false>},
  {"SCRAM-SHA-1",        Proves::password, false, true, scram_server<Digest::sha1, false>,   scram_client<Digest::sha1, false>},
  {"OAUTHBEARER",        Proves::token,    false, false, make_oauthbearer_server, make_oauthbearer_client},
  {"XOAUTH2",            Proves::token,    false, false, make_xoauth2_server,     make_xoauth2_client},
  {"CRAM-MD5",           Proves::password, false, false, make_cram_md5_server,    make_cram_md5_client},
  {"PLAIN",              Proves::password, false, true, make_plain_server,       make_plain_client},
  {"LOGIN",              Proves::password, false, false, make_login_server,       make_login_client},
}};
// clang-format on

const Row* find(std::string_view name) {
  for (const auto& row : table) {
    if (row.name == name) return &row;
  }
  return nullptr;
}

}  // namespace

Server::Move Server::take_keys(const Keys&) {
  Move move;
  move.error = "no keys were requested";
  return move;
}

std::unique_ptr<Server> make_server(std::string_view name, const Context& context) {
  const auto* row = find(name);
  return row == nullptr ? nullptr : row->server(context);
}

std::unique_ptr<Client> make_client(std::string_view name, const Credentials& credentials,
                                    const Context& context) {
  const auto* row = find(name);
  return row == nullptr ? nullptr : row->client(credentials, context);
}

const std::vector<std::string_view>& mechanisms() {
  static const auto names = [] {
    std::vector<std::string_view> all;
    for (const auto& row : table) all.push_back(row.name);
    return all;
  }();
  return names;
}

bool may_use(std::string_view name, const Credentials& credentials, const Context& context) {
  const auto* row = find(name);
  if (row == nullptr || (row->plus && !context.binding.is_there())) return false;
  if (!credentials.authorize_as.empty() && !row->authorizes) return false;
  switch (row->by) {
    case Proves::password:
      // SCRAM needs the password in its prepared form; the others take it as it is.
      return !credentials.password.empty() &&
             (!name.starts_with("SCRAM") || prepare(credentials.password.reveal()));
    case Proves::token:
      return !credentials.token.empty();
    case Proves::certificate:
      return credentials.certificate && credentials.password.empty() && credentials.token.empty();
  }
  return false;
}

bool can_authorize(std::string_view name) {
  const auto* row = find(name);
  return row != nullptr && row->authorizes;
}

bool may_offer(std::string_view name, const Context& context) {
  const auto* row = find(name);
  if (row == nullptr || (row->plus && !context.binding.is_there())) return false;
  return row->by != Proves::certificate || !context.peer_name.empty();
}

}  // namespace postroad::sasl
