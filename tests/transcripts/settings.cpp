// Options and canned answers of transcripts; see settings.hpp.
#include "settings.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <stdexcept>

#include "base/text.hpp"
#include "crypto/hmac_md5.hpp"
#include "proto/smtp/mail_parameters.hpp"
#include "proto/smtp/reply.hpp"

namespace postroad::transcripts {

namespace {

[[noreturn]] void unknown(const Word& word) {
  throw std::runtime_error("line " + std::to_string(word.line) + ": not known: " + word.text);
}

// The unchanged text from the word of this index on; a word in double quotes is one.
std::string words_from(std::string_view text, std::size_t index) {
  for (; index > 0; --index) {
    bool quoted = false;
    std::size_t end = 0;
    for (; end < text.size() && (quoted || text[end] != ' '); ++end) {
      if (text[end] == '\\')
        ++end;
      else if (text[end] == '"')
        quoted = !quoted;
    }
    text.remove_prefix(std::min(text.find_first_not_of(' ', end), text.size()));
  }
  return std::string(text);
}

void set_limit(const std::vector<std::string>& words, smtp::ServerLimits& limits,
               const Word& word) {
  const auto value = std::stoull(words.at(2));
  const auto milliseconds = std::chrono::milliseconds(value);
  const auto& name = words.at(1);
  if (name == "command_line")
    limits.command_line = value;
  else if (name == "auth_line")
    limits.auth_line = value;
  else if (name == "parameters")
    limits.parameters = value;
  else if (name == "recipients")
    limits.recipients = value;
  else if (name == "recipient_overshoot")
    limits.recipient_overshoot = value;
  else if (name == "commands")
    limits.commands = value;
  else if (name == "messages")
    limits.messages = value;
  else if (name == "errors")
    limits.errors = value;
  else if (name == "auth_attempts")
    limits.auth_attempts = value;
  else if (name == "message_size")
    limits.message_size = value;
  else if (name == "replies")
    limits.replies = value;
  else if (name == "command")
    limits.command = milliseconds;
  else if (name == "data_block")
    limits.data_block = milliseconds;
  else if (name == "transaction")
    limits.transaction = milliseconds;
  else
    unknown(word);
}

// Words without a value.
using Server = smtp::ServerOptions;
const std::map<std::string_view, void (*)(Server&)> server_switches{
    {"auth", [](Server& o) { o.auth = true; }},
    {"auth_required", [](Server& o) { o.auth = o.auth_required = true; }},
    {"allow_auth_in_clear", [](Server& o) { o.allow_auth_in_clear = true; }},
    {"allow_bare_addresses", [](Server& o) { o.allow_bare_addresses = true; }},
    {"accept_bare_lf", [](Server& o) { o.accept_bare_lf = true; }},
    {"keep_bare_line_ends", [](Server& o) { o.bare_line_ends = smtp::BareLineEnds::keep; }},
    {"vrfy", [](Server& o) { o.vrfy = true; }},
    {"expn", [](Server& o) { o.expn = true; }},
    {"lmtp", [](Server& o) { o.lmtp = true; }},
    {"no_pipelining", [](Server& o) { o.extensions.pipelining = false; }},
    {"no_8bitmime", [](Server& o) { o.extensions.eight_bit_mime = false; }},
    {"no_smtputf8", [](Server& o) { o.extensions.smtputf8 = false; }},
    {"no_size", [](Server& o) { o.extensions.size = false; }},
    {"no_enhanced_status_codes", [](Server& o) { o.extensions.enhanced_status_codes = false; }},
    {"chunking", [](Server& o) { o.extensions.chunking = true; }},
    {"binary_mime", [](Server& o) { o.extensions.chunking = o.extensions.binary_mime = true; }},
    {"dsn", [](Server& o) { o.extensions.dsn = true; }},
    {"limits_keyword", [](Server& o) { o.extensions.limits_keyword = true; }},
    {"require_tls", [](Server& o) { o.extensions.require_tls = true; }},
    {"mt_priority", [](Server& o) { o.extensions.mt_priority = true; }},
    {"prdr", [](Server& o) { o.extensions.prdr = true; }},
    {"xclient", [](Server& o) { o.extensions.xclient = true; }},
    {"xclient_trusted", [](Server& o) { o.extensions.xclient = true; }},
};

using Client = smtp::ClientOptions;
const std::map<std::string_view, void (*)(Client&)> client_switches{
    {"lmtp", [](Client& o) { o.lmtp = true; }},
    {"no_prdr", [](Client& o) { o.prdr = false; }},
    {"allow_password_in_clear", [](Client& o) { o.allow_password_in_clear = true; }},
    {"all_or_none", [](Client& o) { o.recipient_policy = RecipientPolicy::all_or_none; }},
    {"no_pipelining", [](Client& o) { o.pipelining = false; }},
    {"plain_helo", [](Client& o) { o.plain_helo = true; }},
};

std::chrono::seconds seconds_of(const std::vector<std::string>& words,
                                std::chrono::seconds or_else) {
  return words.size() > 1 ? std::chrono::seconds(std::stoll(words[1])) : or_else;
}

// Words with a value.
void set_server(const std::vector<std::string>& words, Server& options, const Word& word) {
  const auto& name = words.at(0);
  auto& extensions = options.extensions;
  if (name == "tls") {
    options.tls = words.at(1) == "offered"    ? smtp::TlsMode::offered
                  : words.at(1) == "required" ? smtp::TlsMode::required
                                              : smtp::TlsMode::implicit;
  } else if (name == "deliver_by") {
    extensions.deliver_by = true;
    extensions.least_deliver_by = seconds_of(words, extensions.least_deliver_by);
  } else if (name == "future_release") {
    extensions.future_release = true;
    extensions.longest_hold = seconds_of(words, extensions.longest_hold);
  } else if (name == "mechanisms") {
    options.mechanisms.assign(words.begin() + 1, words.end());
  } else if (name == "nonce") {
    options.nonce = words.at(1);
  } else if (name == "limit") {
    set_limit(words, options.limits, word);
  } else {
    unknown(word);
  }
}

// False: it is another word.
bool set_login(const std::vector<std::string>& words, Client& options) {
  const auto& name = words.at(0);
  if (name == "certificate") {
    options.login = sasl::Credentials{.certificate = true};
    if (words.size() > 1) options.login->authorize_as = words[1];
    return true;
  }
  if (name == "login")
    options.login = sasl::Credentials{.user = words.at(1), .password = Secret(words.at(2))};
  else if (name == "token")
    options.login = sasl::Credentials{.user = words.at(1), .token = Secret(words.at(2))};
  else
    return false;
  if (words.size() > 3) options.mechanism = words.at(3);
  return true;
}

void set_client(const std::vector<std::string>& words, Client& options, const Word& word) {
  if (words.size() < 2) unknown(word);
  const auto& name = words[0];
  const auto& value = words[1];
  if (name == "tls")
    options.tls = value == "never"      ? Tls::never
                  : value == "required" ? Tls::required
                  : value == "implicit" ? Tls::implicit
                                        : Tls::opportunistic;
  else if (name == "nonce")
    options.nonce = value;
  else if (name == "xclient")
    options.xclient.emplace_back(value, words.at(2));
  else if (name == "preamble")
    options.preamble = value;
  else if (name == "ignore")
    options.ignored.push_back(value);
  else if (name == "chunks")
    options.limits.chunks = std::stoul(value);
  else if (name == "chunking")
    options.chunking = value == "preferred" ? postroad::Chunking::preferred
                       : value == "never"   ? postroad::Chunking::never
                                            : postroad::Chunking::when_needed;
  else if (name == "name")
    options.name = value;
  else if (name == "challenges")
    options.limits.challenges = std::stoul(value);
  else if (name == "window")
    options.limits.window = std::stoul(value);
  else
    unknown(word);
}

}  // namespace

smtp::ServerOptions server_options(const Transcript& script) {
  smtp::ServerOptions options;
  options.hostname = "mail.example";
  for (const auto& word : script.server_options) {
    const auto words = words_of(word.text);
    const auto found = server_switches.find(words.at(0));
    found != server_switches.end() ? found->second(options) : set_server(words, options, word);
  }
  return options;
}

smtp::ClientOptions client_options(const Transcript& script) {
  smtp::ClientOptions options;
  options.server = "mail.example:25";
  options.host = "mail.example";
  options.port = 25;
  options.name = "client.example";
  for (const auto& word : script.client_options) {
    const auto words = words_of(word.text);
    const auto found = client_switches.find(words.at(0));
    if (found != client_switches.end())
      found->second(options);
    else if (!set_login(words, options))
      set_client(words, options, word);
  }
  return options;
}

Reply parse_reply(const std::string& text) {
  Reply reply;
  reply.code = std::stoi(text.substr(0, 3));
  std::string_view rest = std::string_view(text).substr(std::min<std::size_t>(4, text.size()));
  if (const auto status = smtp::eat_enhanced_status(rest, reply.code)) reply.status = *status;
  reply.text = unescape(rest);
  return reply;
}

Canned::Canned(const Transcript& script) {
  trusts_peer_ = std::any_of(script.server_options.begin(), script.server_options.end(),
                             [](const Word& word) { return word.text == "xclient_trusted"; });
  for (const auto& word : script.policy) {
    const auto words = words_of(word.text);
    if (words.at(0) == "user") {
      users_[words.at(1)] = words.at(2);
      continue;
    }
    if (words.at(0) == "salt") {
      salt_ = base64_decode(words.at(1)).value();
      continue;
    }
    static constexpr std::string_view keyed_hooks[] = {"helo", "mail", "rcpt",
                                                       "vrfy", "expn", "end"};
    const bool keyed = std::find(std::begin(keyed_hooks), std::end(keyed_hooks), words.at(0)) !=
                       std::end(keyed_hooks);
    const auto key = words.at(0) + ' ' + (keyed ? words.at(1) : "");
    answers_[key] = parse_reply(words_from(word.text, keyed ? 2 : 1));
  }
}

Reply Canned::find(const std::string& hook, const std::string& key) const {
  const auto found = answers_.find(hook + ' ' + key);
  return found == answers_.end() ? Reply{} : found->second;
}

sasl::Keys Canned::keys_of(const std::string& user, const std::string& mechanism) const {
  const auto found = users_.find(user);
  sasl::Keys keys;
  keys.is_known = found != users_.end();
  const auto password = keys.is_known ? found->second : std::string("nobody's");
  keys.cram_md5 = crypto::hmac_md5_key(password);
  const auto digest = mechanism.starts_with("SCRAM-SHA-1") && !mechanism.starts_with("SCRAM-SHA-12")
                          ? crypto::Digest::sha1
                          : crypto::Digest::sha256;
  keys.scram = sasl::ScramKeys::derive(digest, password, salt_, 4096);
  return keys;
}

// A reply for each recipient, where the policy has one for any.
std::vector<Reply> Canned::replies_at_end(const smtp::Transaction& transaction) const {
  std::vector<Reply> each;
  bool any = false;
  for (const auto& recipient : transaction.recipients) {
    auto reply = find("end", recipient.text());
    any = any || reply.code != 0;
    each.push_back(reply.code != 0 ? reply : Reply{250, {2, 0, 0}, "Ok"});
  }
  return any ? each : std::vector<Reply>{};
}

void Canned::answer(smtp::ServerMachine& machine) {
  const auto& question = machine.question();
  if (trusts_peer_) machine.trust_peer();
  if (const auto* keys = std::get_if<smtp::AskKeys>(&question))
    return machine.answered_keys(keys_of(keys->user, keys->mechanism));
  if (std::holds_alternative<smtp::AskXclient>(question))
    return machine.answered(find("xclient", ""));
  if (std::holds_alternative<smtp::AskConnect>(question))
    return machine.answered(find("connect", ""));
  if (std::holds_alternative<smtp::AskHelo>(question))
    machine.tell_time(std::chrono::sys_days(std::chrono::year(2026) / 11 / 28));
  if (const auto* helo = std::get_if<smtp::AskHelo>(&question))
    return machine.answered(find("helo", std::string(helo->name)));
  if (const auto* mail = std::get_if<smtp::AskMail>(&question))
    return machine.answered(find("mail", mail->transaction.reverse_path.text()));
  if (const auto* rcpt = std::get_if<smtp::AskRcpt>(&question))
    return machine.answered(find("rcpt", rcpt->recipient.text()));
  if (const auto* vrfy = std::get_if<smtp::AskVrfy>(&question))
    return machine.answered(find("vrfy", std::string(vrfy->text)));
  if (const auto* expn = std::get_if<smtp::AskExpn>(&question))
    return machine.answered(find("expn", std::string(expn->text)));
  if (std::holds_alternative<smtp::AskData>(question)) {
    draft_.clear();
    return machine.answered(find("data", ""));
  }
  if (const auto* body = std::get_if<smtp::AskBody>(&question)) {
    draft_ += body->bytes;
    return machine.answered(find("body", ""));
  }
  if (const auto* auth = std::get_if<smtp::AskAuth>(&question)) {
    const auto& credentials = auth->credentials;
    const auto user = users_.find(credentials.user);
    const bool known = user != users_.end();
    const auto& secret = credentials.token.empty() ? credentials.password : credentials.token;
    const bool right = known && credentials.proven.value_or(user->second == secret.reveal());
    return machine.answered(right ? Reply{235, {2, 7, 0}, "Authentication successful"}
                                  : Reply{535, {5, 7, 8}, "authentication failed"});
  }
  if (const auto* end = std::get_if<smtp::AskEnd>(&question)) {
    const auto reply = find("commit", "");
    if (!end->keep || reply.code >= 400) return machine.answered(reply);
    Message message{machine.transaction().reverse_path.text(), {}, std::move(draft_), {}, {}};
    const auto& transaction = machine.transaction();
    for (const auto& recipient : transaction.recipients)
      message.recipients.push_back(recipient.text());
    if (transaction.options) smtp::append_parameters(*transaction.options, message.parameters);
    for (const auto& asked : transaction.asked_of_recipients()) {
      message.recipient_parameters.emplace_back();
      smtp::append_parameters(asked, transaction.smtputf8, message.recipient_parameters.back());
    }
    const auto each = replies_at_end(transaction);
    messages.push_back(std::move(message));
    return machine.answered(
        reply.code != 0
            ? reply
            : Reply{250, {2, 0, 0}, "Ok: queued as Q" + std::to_string(messages.size())},
        each);
  }
  machine.answered({});
}

}  // namespace postroad::transcripts
