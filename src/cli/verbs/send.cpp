// `postroad send`: one message from flags, a file or standard input; one outcome per recipient.
#include <fmt/format.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <iostream>

#include <postroad/address.hpp>
#include <postroad/pool.hpp>

#include "base/text.hpp"
#include "cli/exit.hpp"
#include "cli/flags/server_flags.hpp"
#include "cli/terminal.hpp"
#include "cli/verbs/send_report.hpp"
#include "client/url.hpp"
#include "observe/sinks.hpp"

namespace postroad::cli {

namespace {

using observe::json_string;

std::vector<std::string> stages() {
  return {"connect", "hello", "tls", "auth", "mail", "rcpt", "data", "text"};
}

std::optional<Stage> stage_to_stop_at(const std::optional<std::string>& word) {
  static constexpr std::array order{Stage::connect, Stage::ehlo,        Stage::starttls,
                                    Stage::auth,    Stage::mail,        Stage::rcpt,
                                    Stage::data,    Stage::message_data};
  if (!word) return std::nullopt;
  const auto all = stages();
  return order.at(static_cast<std::size_t>(std::find(all.begin(), all.end(), *word) - all.begin()));
}

std::vector<config::Flag> protocol_flags(SendVerb& to) {
  return {{.name = "all-or-none",
           .doc = "Send to no recipient if one is refused.",
           .target = &to.all_or_none},
          {.name = "no-pipelining",
           .doc = "Wait for each reply, even if the server offers PIPELINING.",
           .target = &to.no_pipelining},
          {.name = "chunking",
           .value = "WHEN",
           .doc = "When to use BDAT instead of DATA.",
           .target = &to.chunking,
           .words = {"when-needed", "preferred", "never"},
           .default_text = "`when-needed`"},
          {.name = "relay",
           .value = "URL",
           .doc = "Another server, tried when the servers before it cannot be reached or defer. "
                  "If none accepts the message, the first failure that is not temporary decides "
                  "the exit code.",
           .target = &to.relays},
          {.name = "lmtp",
           .doc = "Use LMTP instead of SMTP.",
           .target = &to.lmtp,
           .excludes = {"--plain-helo"}},
          {.name = "ignore",
           .value = "KEYWORD",
           .doc = "Ignore this extension of the server.",
           .target = &to.ignored},
          {.name = "xclient",
           .value = "NAME=VALUE",
           .doc = "Attribute of the client on whose behalf this is sent (XCLIENT), such as "
                  "ADDR=192.0.2.1.",
           .target = &to.xclient},
          {.name = "proxy-header",
           .value = "WORDS",
           .doc = "Begin with a PROXY header: `v1 192.0.2.1 4711 192.0.2.2 25`, or `v2 …`.",
           .target = &to.proxy_header}};
}

std::vector<config::Flag> run_flags(SendVerb& to) {
  return {
      {.name = "stop-after",
       .value = "STAGE",
       .doc = "Send QUIT after the reply to this stage; after data and text, close instead.",
       .target = &to.stop_after,
       .words = stages(),
       .excludes = {"--cut-after"}},
      {.name = "cut-after",
       .value = "STAGE",
       .doc = "Close the connection after the reply to this stage.",
       .target = &to.cut_after,
       .words = stages()},
      {.name = "flags",
       .value = "FILE",
       .doc = "Read more flags from a file: one per line, its value after a space, # for comments. "
              "Flags on the command line take precedence, also over flags that they exclude.",
       .target = &to.flags_file,
       .completion = config::Completion::file},
      {.name = "dry-run",
       .doc = "Print the envelope and the message, and send nothing.",
       .target = &to.dry_run,
       .excludes = {"--stop-after", "--cut-after", "--json", "--trace"}},
      {.name = "trace",
       .doc = "Show the transcript on standard error, with secrets hidden.",
       .target = &to.trace},
      {.name = "json", .doc = "Print the outcomes as JSON.", .target = &to.json}};
}

}  // namespace

config::Command SendVerb::declare() {
  config::Command command{.name = "send", .summary = "send a message and report every recipient"};
  command.description =
      "Composes a message from flags, or takes a complete one with --data, and sends it through "
      "the server. The recipients are those of --to, --cc, --bcc and of the message; recipients "
      "given as arguments replace them all.";
  command.arguments = {{.name = "RECIPIENT",
                        .doc = "Recipients of the envelope, instead of those of the header.",
                        .target = &recipients,
                        .required = false}};
  for (const auto& group : {protocol_flags(*this), run_flags(*this)})
    command.flags.insert(command.flags.end(), group.begin(), group.end());
  message.add_to(command.flags);
  asks.add_to(command.flags);
  server.add_to(command.flags, false);
  command.examples = {
      {"postroad send -f me@example.org -t you@example.org --subject hi --text hello",
       "through the server on this machine"},
      {"postroad send -s smtp://mail.example.org:587 -u me --password-file pw --data mail.eml",
       "a complete message, with a login"},
  };
  command.exit_codes = exit_codes_of_sending();
  command.run = [this] { return run(); };
  return command;
}

namespace {

// The owner of an address in the header that cannot be parsed would silently get nothing.
Result<void> check_header(Message message) {
  message.default_domain("localhost");  // an address without a domain is left to the server
  const auto checked = message.check();
  if (checked) return {};
  auto error = of_data(checked.error());
  // A missing sender or recipient is reported with the flag that sets it.
  if (error.where == "From" || error.where == "To") return {};
  error.where = "--data, " + error.where;
  error.detail += "; correct the header, or give the recipients as arguments";
  return error;
}

Result<Envelope> envelope_of(const SendVerb& verb, const Message& message) {
  Envelope envelope{message.reverse_path(), message.recipients()};
  // With a whole message --from is for the envelope alone: its header stays as it is.
  if (verb.message.has_null_sender()) {
    envelope.reverse_path = {};
  } else if (verb.message.data && !verb.message.from.empty()) {
    auto from = parse_address_list(verb.message.from);
    if (!from) return from.error();
    if (!from->empty()) envelope.reverse_path = std::move(from->front().mailbox);
  }
  if (verb.recipients.empty() && verb.message.data) {
    if (const auto right = check_header(message); !right) return right.error();
  }
  if (!verb.recipients.empty()) envelope.recipients.clear();
  for (const auto& text : verb.recipients) {
    auto mailbox = Mailbox::parse(text);
    if (!mailbox)
      return fail(Fault::input, "RECIPIENT '" + printable(text, 80) + "'", mailbox.error().detail);
    envelope.recipients.push_back(std::move(*mailbox));
  }
  if (envelope.recipients.empty())
    return fail(Fault::input, "", "no recipient; use --to ADDRESS, or give addresses as arguments");
  return envelope;
}

int dry_run(const Envelope& envelope, MessageSource& source) {
  std::cout << "MAIL FROM:<" << envelope.reverse_path << ">\n";
  for (const auto& recipient : envelope.recipients) std::cout << "RCPT TO:<" << recipient << ">\n";
  std::cout << '\n';
  for (;;) {
    const auto chunk = source.next();
    if (!chunk) {
      complain("send", chunk.error().text());
      return exit_of(of_data(chunk.error()));
    }
    if (chunk->empty() || !std::cout) return exit_ok;  // main reports what cannot be written
    std::cout << *chunk;
  }
}

// One line on the terminal while a large message is sent.
class WithProgress final : public MessageSource {
 public:
  explicit WithProgress(MessageSource& source) : source_(source) {}
  Result<std::string_view> next() override {
    auto chunk = source_.next();
    if (!chunk || chunk->empty()) {
      std::cerr << "\r\x1b[K";
      return chunk;
    }
    sent_ += chunk->size();
    const auto share = sent_ * 100 / std::max<std::uint64_t>(*source_.size(), 1);
    if (std::exchange(shown_, share) != share)
      std::cerr << fmt::format("\r{} of {} MB, {}%", sent_ / 1'000'000, *source_.size() / 1'000'000,
                               std::min<std::uint64_t>(share, 100));
    return chunk;
  }
  void offered(const ServerOffer& offer) override { source_.offered(offer); }
  [[nodiscard]] std::optional<std::uint64_t> size() const override { return source_.size(); }
  bool rewind() override {
    sent_ = 0;
    return source_.rewind();
  }
  [[nodiscard]] bool is_8bit() const override { return source_.is_8bit(); }
  [[nodiscard]] bool is_binary() const override { return source_.is_binary(); }
  [[nodiscard]] bool needs_utf8() const override { return source_.needs_utf8(); }

 private:
  MessageSource& source_;
  std::uint64_t sent_ = 0;
  std::uint64_t shown_ = UINT64_MAX;
};

Result<ProxyHeader> proxy_header_of(const std::string& text) {
  const auto words = split(text, ' ');
  ProxyHeader header;
  const bool known = words[0] == "v1" || words[0] == "v2";
  if (!known || (words.size() != 1 && words.size() != 5))
    return fail(Fault::input, "--proxy-header",
                "expected `v1 SOURCE PORT DESTINATION PORT`, `v2 …`, or the version alone");
  header.version = words[0] == "v1" ? 1 : 2;
  if (words.size() == 1) return header;
  const auto from = parse_number(words[2]);
  const auto to = parse_number(words[4]);
  if (!from || !to || *from > 65535 || *to > 65535)
    return fail(Fault::input, "--proxy-header", "a port is a number from 0 to 65535; correct it");
  header.source = words[1];
  header.source_port = static_cast<std::uint16_t>(*from);
  header.destination = words[3];
  header.destination_port = static_cast<std::uint16_t>(*to);
  return header;
}

Result<void> take_flags(const SendVerb& verb, ClientOptions& options) {
  for (const auto& relay : verb.relays) {
    if (const auto url = client::parse_url(relay); !url) return url.error();
  }
  options.lmtp = verb.lmtp;
  options.ignored_extensions = verb.ignored;
  if (verb.chunking)
    options.chunking = *verb.chunking == "preferred" ? Chunking::preferred
                       : *verb.chunking == "never"   ? Chunking::never
                                                     : Chunking::when_needed;
  for (const auto& pair : verb.xclient) {
    const auto equals = pair.find('=');
    if (equals == std::string::npos || equals == 0)
      return fail(Fault::input, "--xclient " + printable(pair, 60),
                  "expected NAME=VALUE, such as ADDR=192.0.2.1");
    options.xclient.emplace_back(pair.substr(0, equals), pair.substr(equals + 1));
  }
  if (verb.proxy_header) {
    auto header = proxy_header_of(*verb.proxy_header);
    if (!header) return header.error();
    options.proxy_header = std::move(*header);
  }
  options.stop_after = stage_to_stop_at(verb.cut_after ? verb.cut_after : verb.stop_after);
  options.cut_there = verb.cut_after.has_value();
  return {};
}

constexpr std::uint64_t least_shown = 1'000'000;  // bytes; a smaller message shows no progress

int fail_to_compose(const Error& error, bool json) {
  (void)fail_with(error, json);
  return exit_of_reading(error);
}

// Prints the server's reply, or the stage at which --stop-after or --cut-after stopped the call.
int finish(const SendVerb& verb, const ClientOptions& options, const Result<SendReport>& report,
           const RelayErrors& relay_errors = {}) {
  if (report) {
    print(*report, verb.json, relay_errors);
    return exit_of(*report);
  }
  const auto& error = report.error();
  const bool is_asked = options.stop_after && error.fault == Fault::cancelled;
  if (!is_asked) return fail_with(error, verb.json, relay_errors);
  std::cout << (verb.json ? R"({"recipients":[],"stopped":)" + json_string(error.text()) + '}'
                          : error.text())
            << '\n';
  return exit_ok;
}

// Through the first of several servers that accepts it.
int send_through_pool(const SendVerb& verb, const Envelope& envelope, MessageSource& source,
                      const std::optional<Login>& login, const ClientOptions& options) {
  std::vector<std::string> urls{verb.server.server};
  urls.insert(urls.end(), verb.relays.begin(), verb.relays.end());
  RelayErrors relay_errors;  // written on the pool's thread before `send` returns
  const PoolOptions once{.connections = 1,
                         .patience = std::chrono::milliseconds(0),
                         .relay_failed = [&](const Error& one) { relay_errors.push_back(one); }};
  Pool pool = login ? Pool(urls, *login, options, once) : Pool(urls, options, once);
  const auto report = pool.send(envelope, source);
  const int code = finish(verb, options, report, relay_errors);
  (void)pool.close(options.timeouts.quit);
  return code;
}

int send_through(const SendVerb& verb, const Envelope& envelope, MessageSource& source,
                 const std::optional<Login>& login, const ClientOptions& options) {
  const auto& url = verb.server.server;
  Client client = login ? Client(url, *login, options) : Client(url, options);
  const int code = finish(verb, options, client.send(envelope, source));
  (void)client.quit();
  return code;
}

}  // namespace

int SendVerb::run() {
  const auto placed = [this](Error error) {
    error.where += place_of(places, error.where);
    return error;
  };
  const auto wrong = [&](const Error& error) { return fail_with(placed(error), json); };
  const auto wrong_content = [&](const Error& error) {
    return fail_to_compose(placed(error), json);
  };
  for (const auto& right : {check(server), check_login(server)}) {
    if (!right) return wrong(right.error());
  }
  const auto composed = message.compose();
  if (!composed) return wrong_content(composed.error());
  auto envelope = envelope_of(*this, *composed);
  if (!envelope) return wrong(envelope.error());
  if (const auto asked = ask(asks, *envelope); !asked) return wrong(asked.error());
  const auto source = composed->source();
  if (!source) return wrong_content(message.data ? of_data(source.error()) : source.error());
  if (dry_run) return cli::dry_run(*envelope, **source);

  const auto login = login_beside_urls(server, !relays.empty());
  if (!login) return wrong_content(login.error());
  auto options = client_options(server);
  options.pipelining = !no_pipelining;
  if (const auto taken = take_flags(*this, options); !taken) return wrong(taken.error());
  if (all_or_none) options.recipient_policy = RecipientPolicy::all_or_none;
  if (trace) options.trace = trace_printer(observe::wants_colour(STDERR_FILENO));
  const bool shows_progress =
      is_terminal(STDERR_FILENO) && !trace && (*source)->size() >= least_shown;
  WithProgress progress(**source);
  auto& sent = shows_progress ? progress : **source;
  return relays.empty() ? send_through(*this, *envelope, sent, *login, options)
                        : send_through_pool(*this, *envelope, sent, *login, options);
}

}  // namespace postroad::cli
