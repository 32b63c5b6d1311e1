// Options and canned answers of transcripts; see settings.hpp.
#include "settings.hpp"

#include <algorithm>
#include <iterator>
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
  else if (name == "mails")
    limits.mails = value;
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

}  // namespace

smtp::ServerOptions server_options(const Transcript& script) {
  smtp::ServerOptions options;
  options.hostname = "mail.example";
  for (const auto& word : script.server_options) {
    const auto words = words_of(word.text);
    const auto& name = words.at(0);
    if (name == "tls") {
      options.tls = words.at(1) == "offered"    ? smtp::TlsMode::offered
                    : words.at(1) == "required" ? smtp::TlsMode::required
                                                : smtp::TlsMode::implicit;
    } else if (name == "auth")
      options.auth = true;
    else if (name == "auth_required")
      options.auth = options.auth_required = true;
    else if (name == "allow_auth_in_clear")
      options.allow_auth_in_clear = true;
    else if (name == "allow_bare_addresses")
      options.allow_bare_addresses = true;
    else if (name == "accept_bare_lf")
      options.accept_bare_lf = true;
    else if (name == "keep_bare_line_ends")
      options.bare_line_ends = smtp::BareLineEnds::keep;
    else if (name == "vrfy")
      options.vrfy = true;
    else if (name == "expn")
      options.expn = true;
    else if (name == "no_pipelining")
      options.extensions.pipelining = false;
    else if (name == "no_8bitmime")
      options.extensions.eight_bit_mime = false;
    else if (name == "no_smtputf8")
      options.extensions.smtputf8 = false;
    else if (name == "no_size")
      options.extensions.size = false;
    else if (name == "chunking")
      options.extensions.chunking = true;
    else if (name == "binary_mime")
      options.extensions.chunking = options.extensions.binary_mime = true;
    else if (name == "dsn")
      options.extensions.dsn = true;
    else if (name == "limits_keyword")
      options.extensions.limits_keyword = true;
    else if (name == "require_tls")
      options.extensions.require_tls = true;
    else if (name == "deliver_by") {
      options.extensions.deliver_by = true;
      if (words.size() > 1)
        options.extensions.least_deliver_by = std::chrono::seconds(std::stoll(words[1]));
    } else if (name == "future_release") {
      options.extensions.future_release = true;
      if (words.size() > 1)
        options.extensions.longest_hold = std::chrono::seconds(std::stoll(words[1]));
    } else if (name == "mt_priority")
      options.extensions.mt_priority = true;
    else if (name == "prdr")
      options.extensions.prdr = true;
    else if (name == "xclient" || name == "xclient_trusted")
      options.extensions.xclient = true;
    else if (name == "lmtp")
      options.lmtp = true;
    else if (name == "mechanisms")
      options.mechanisms.assign(words.begin() + 1, words.end());
    else if (name == "nonce")
      options.nonce = words.at(1);
    else if (name == "no_enhanced_status_codes")
      options.extensions.enhanced_status_codes = false;
    else if (name == "limit")
      set_limit(words, options.limits, word);
    else
      unknown(word);
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
    const auto& name = words.at(0);
    if (name == "tls") {
      const auto& how = words.at(1);
      options.tls = how == "never"      ? Tls::never
                    : how == "required" ? Tls::required
                    : how == "implicit" ? Tls::implicit
                                        : Tls::opportunistic;
    } else if (name == "login") {
      options.login = sasl::Credentials{.user = words.at(1), .password = Secret(words.at(2))};
      if (words.size() > 3) options.mechanism = words.at(3);
    } else if (name == "token") {
      options.login = sasl::Credentials{.user = words.at(1), .token = Secret(words.at(2))};
      if (words.size() > 3) options.mechanism = words.at(3);
    } else if (name == "certificate") {
      options.login = sasl::Credentials{.certificate = true};
      if (words.size() > 1) options.login->authorize_as = words[1];
    } else if (name == "nonce") {
      options.nonce = words.at(1);
    } else if (name == "xclient") {
      options.xclient.emplace_back(words.at(1), words.at(2));
    } else if (name == "preamble") {
      options.preamble = words.at(1);
    } else if (name == "ignore") {
      options.ignored.push_back(words.at(1));
    } else if (name == "chunks") {
      options.limits.chunks = std::stoul(words.at(1));
    } else if (name == "chunking") {
      options.chunking = words.at(1) == "preferred" ? postroad::Chunking::preferred
                         : words.at(1) == "never"   ? postroad::Chunking::never
                                                    : postroad::Chunking::when_needed;
    } else if (name == "lmtp") {
      options.lmtp = true;
    } else if (name == "no_prdr") {
      options.prdr = false;
    } else if (name == "allow_password_in_clear")
      options.allow_password_in_clear = true;
    else if (name == "all_or_none")
      options.recipient_policy = RecipientPolicy::all_or_none;
    else if (name == "no_pipelining")
      options.pipelining = false;
    else if (name == "plain_helo")
      options.plain_helo = true;
    else if (name == "name")
      options.name = words.at(1);
    else if (name == "challenges")
      options.limits.challenges = std::stoul(words.at(1));
    else if (name == "window")
      options.limits.window = std::stoul(words.at(1));
    else
      unknown(word);
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
