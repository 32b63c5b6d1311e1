// A made-up command line: parsed, refused, and written as help, manual and completion. The messages
// and the help page are compared whole. Programs that check the scripts and pages are used where
// they are installed. Not here: the configuration file (file_test.cpp).
#include "config/command.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "config/help.hpp"

namespace postroad::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

struct Line {
  std::string config, from, subject = "none";
  std::vector<std::string> headers, to;
  std::optional<std::string> tls;
  std::optional<int> port;
  Duration wait{30'000};
  Size size{1};
  bool pipelining = true, verbose = false;
  std::string judged, queue_id;

  Command root;
  Line() {
    root = Command{.name = "postroad",
                   .summary = "mail, sent and served",
                   .flags = {{.name = "config",
                              .letter = 'c',
                              .value = "FILE",
                              .doc = "The configuration.",
                              .target = &config,
                              .completion = Completion::file},
                             {.name = "verbose",
                              .letter = 'v',
                              .value = {},
                              .doc = "Says more.",
                              .target = &verbose}},
                   .subcommands = {send_command(), queue_command()}};
  }
  Line(const Line&) = delete;

  Result<Invocation> take(const std::vector<std::string>& arguments) {
    return parse(root, arguments, {.version = "0.1.0"});
  }
  std::string refusal(const std::vector<std::string>& arguments) {
    const auto call = take(arguments);
    return call ? "taken" : call.error().text();
  }

 private:
  Command send_command() {
    return {
        .name = "send",
        .summary = "sends one mail",
        .description =
            "Sends one mail to all recipients\nover one connection.\n\nThe report has a line for "
            "each of them.",
        .arguments = {{.name = "RECIPIENT", .doc = "Address of the recipient.", .target = &to}},
        .flags = {{.name = "from",
                   .letter = 'f',
                   .value = "ADDRESS",
                   .doc = "The reverse-path.",
                   .target = &from},
                  {.name = "subject", .value = "TEXT", .doc = "The subject.", .target = &subject},
                  {.name = "header",
                   .value = "FIELD",
                   .doc = "A field of the header.",
                   .target = &headers},
                  {.name = "tls",
                   .value = "WHEN",
                   .doc = "When TLS is used, which for a login is always.",
                   .target = &tls,
                   .words = {"never", "offered", "required"},
                   .default_text = "offered"},
                  {.name = "port", .value = "NUMBER", .doc = "The port.", .target = &port},
                  {.name = "wait",
                   .letter = 'w',
                   .value = "TIME",
                   .doc = "How long to wait.",
                   .target = &wait,
                   .positive = true},
                  {.name = "size", .value = "SIZE", .doc = "How large.", .target = &size},
                  {.name = "no-pipelining",
                   .value = {},
                   .doc = "One command at a time.",
                   .target = &pipelining,
                   .sets = false},
                  {.name = "judged",
                   .value = "WORD",
                   .doc = "Checked by a function.",
                   .target = [this](std::string_view text) -> Result<void> {
                     if (text == "bad")
                       return fail(Fault::input, "bad", "not a good word: write good");
                     judged = text;
                     return {};
                   }},
                  {.name = "secret-door", .value = {}, .doc = "Hidden.", .hidden = true},
                  {.name = "again",
                   .doc = "Sends it again.",
                   .hidden = true,
                   .excludes = {"--subject", "RECIPIENT"}}},
        .examples = {{.line = "postroad send --from a@b c@d", .doc = "Asks for the text."}},
        .exit_codes = {{.code = 0, .doc = "Every recipient was accepted."},
                       {.code = 64, .doc = "The command line is wrong."}}};
  }
  Command queue_command() {
    return {.name = "queue",
            .summary = "looks into the queue",
            .subcommands = {
                {.name = "list", .summary = "lists it"},
                {.name = "show",
                 .summary = "shows one mail",
                 .arguments = {{.name = "ID", .doc = "Its queue id.", .target = &queue_id}}}}};
  }
};

TEST(CommandLine, FillsEveryKindOfTarget) {
  Line line;
  const auto call = line.take({"-c",         "p.toml",   "send",   "--from=a@b",
                               "--subject=", "--header", "A: 1",   "--header=B: 2",
                               "--tls",      "required", "--port", "25",
                               "-w5min",     "--size",   "35MiB",  "--no-pipelining",
                               "--judged",   "good",     "-v",     "c@d",
                               "[x,y]",      "send",     "--",     "-odd@x"});
  ASSERT_TRUE(call) << call.error();
  EXPECT_TRUE(call->is("send"));
  EXPECT_FALSE(call->is("queue", "list"));
  EXPECT_EQ(call->name(), "postroad send");
  EXPECT_FALSE(call->show);
  EXPECT_EQ(line.config, "p.toml");
  EXPECT_EQ(line.from, "a@b");
  EXPECT_EQ(line.subject, "");
  EXPECT_THAT(line.headers, ElementsAre("A: 1", "B: 2"));
  EXPECT_EQ(line.tls, "required");
  EXPECT_EQ(line.port, 25);
  EXPECT_EQ(line.wait, std::chrono::minutes{5});
  EXPECT_EQ(line.size, Size{35 << 20});
  EXPECT_FALSE(line.pipelining);
  EXPECT_TRUE(line.verbose);
  EXPECT_EQ(line.judged, "good");
  EXPECT_THAT(line.to, ElementsAre("c@d", "[x,y]", "send", "-odd@x"));
}

TEST(CommandLine, FindsNestedCommands) {
  Line line;
  const auto call = line.take({"queue", "show", "4Kx", "-c", "f"});
  ASSERT_TRUE(call) << call.error();
  EXPECT_TRUE(call->is("queue", "show"));
  EXPECT_EQ(line.queue_id, "4Kx");
  EXPECT_EQ(line.config, "f");
}

TEST(CommandLine, RefusesInSentences) {
  const struct {
    std::vector<std::string> arguments;
    std::string_view sentence;
  } cases[] = {
      {{"send", "--form", "a@b", "c@d"},
       "postroad send: unknown flag --form; did you mean --from?"},
      {{"send", "--form=secret", "c@d"},
       "postroad send: unknown flag --form; did you mean --from?"},
      {{"send", "--zzzzzz", "c@d"},
       "postroad send: unknown flag --zzzzzz; see postroad send --help"},
      {{"send", "-x", "c@d"}, "postroad send: unknown flag -x; see postroad send --help"},
      {{"--hlep"}, "postroad: unknown flag --hlep; did you mean --help?"},
      {{"sned"}, "postroad: unknown command sned; did you mean send?"},
      {{"queue", "lsit"}, "postroad queue: unknown command lsit; did you mean list?"},
      {{}, "postroad: no command given; use one of send, queue; see postroad --help"},
      {{"queue"},
       "postroad queue: no command given; use one of list, show; see postroad queue --help"},
      {{"send"}, "postroad send: missing RECIPIENT; usage: postroad send [FLAGS] RECIPIENT..."},
      {{"queue", "list", "x"},
       "postroad queue list: unexpected argument x; usage: postroad queue list [FLAGS]"},
      {{"queue", "show", "a", "b"},
       "postroad queue show: unexpected argument b; usage: postroad queue show [FLAGS] ID"},
      {{"send", "c@d", "--from"}, "postroad send: --from needs a value; see postroad send --help"},
      {{"send", "c@d", "--from", "a", "--from", "b"},
       "postroad send: --from: given 2 times; give it once"},
      {{"send", "c@d", "--no-pipelining=x"}, "postroad send: --no-pipelining takes no value"},
      {{"send", "c@d", "--tls", "always"},
       "postroad send: --tls always: unknown value; use one of never, offered, required"},
      {{"send", "--tls", "requird", "a@x", "8"},
       "postroad send: --tls requird: unknown value; use one of never, offered, required; did you "
       "mean required?"},
      {{"send", "c@d", "--port", "25x"},
       "postroad send: --port 25x: not an integer; expected digits only, such as 25"},
      {{"send", "c@d", "--wait", "0s"},
       "postroad send: --wait 0s: must be more than 0; expected a duration such as 30s"},
      {{"send", "c@d", "--judged", "bad"},
       "postroad send: --judged bad: not a good word: write good"},
      {{"send", "c@d", "-f", "a", "-f", "b"}, "postroad send: -f: given 2 times; give it once"},
      {{"send", "c@d", "-f", "a", "--from=b"},
       "postroad send: --from: given 2 times; give it once"},
      {{"send", "c@d", "-w0s"},
       "postroad send: -w 0s: must be more than 0; expected a duration such as 30s"},
      {{"send", "c@d", "--again"},
       "postroad send: --again, RECIPIENT: mutually exclusive; give only one"},
      {{"send", "--subject=x", "--again", "c@d"},
       "postroad send: --again, --subject: mutually exclusive; give only one"},
      {{"send", "c@d", "-vw"}, "postroad send: -vw needs a value; see postroad send --help"},
  };
  for (const auto& c : cases) {
    Line line;
    EXPECT_EQ(line.refusal(c.arguments), c.sentence);
  }
  Line line;
  EXPECT_THAT(line.refusal({"send", "c@d", "--wait", "30"}),
              StartsWith("postroad send: --wait 30: a duration without its unit"));
}

TEST(CommandLine, TakesOddWordsAsTheyAre) {
  const std::vector<std::vector<std::string>> lines{
      {"-"}, {""}, {"a b", "{x}"}, {"queue"}, {"++"}, {"a\x1b[2J"}, {"[]", "[a]"}, {"x=y"}, {"%"}};
  for (const auto& words : lines) {
    Line line;
    std::vector<std::string> arguments{"send"};
    arguments.insert(arguments.end(), words.begin(), words.end());
    const auto call = line.take(arguments);
    ASSERT_TRUE(call) << call.error();
    EXPECT_EQ(line.to, words);
  }
  Line line;
  EXPECT_EQ(line.refusal({"a\x1b[2J"}), "postroad: unknown command a\\x1b[2J; see postroad --help");
}

TEST(CommandLine, WritesNothingWhenItRefuses) {
  Line line;
  EXPECT_FALSE(line.take({"send", "--from", "a@b", "--no-pipelining", "c@d", "--port", "x"}));
  EXPECT_EQ(line.from, "");
  EXPECT_TRUE(line.pipelining);
  EXPECT_TRUE(line.to.empty());
}

TEST(CommandLine, ShowsInsteadOfRunning) {
  Line line;
  EXPECT_EQ(line.take({"--version"})->show, "postroad 0.1.0\n");
  EXPECT_THAT(*line.take({"-h"})->show, StartsWith("postroad: mail, sent and served\n"));
  EXPECT_THAT(*line.take({"send", "--nonsense", "--help"})->show,
              StartsWith("postroad send: sends one mail\n"));
  EXPECT_EQ(line.refusal({"sned", "--help"}), "postroad: unknown command sned; did you mean send?");
  EXPECT_EQ(line.refusal({"queue", "--help", "x"}),
            "postroad queue: unknown command x; see postroad queue --help");
}

TEST(CommandLine, ShowsTheHelpOfTheCommandThatIsNamed) {
  Line line;
  EXPECT_EQ(*help_of(line.root, {}), *line.take({"--help"})->show);
  EXPECT_EQ(*help_of(line.root, {"send"}), *line.take({"send", "--help"})->show);
  EXPECT_EQ(*help_of(line.root, {"queue"}), *line.take({"queue", "--help"})->show);
  EXPECT_EQ(*help_of(line.root, {"queue", "list"}), *line.take({"queue", "list", "--help"})->show);
  const auto refusal = [&](const std::vector<std::string>& names) {
    const auto help = help_of(line.root, names);
    return help ? "shown" : help.error().text();
  };
  EXPECT_EQ(refusal({"sned"}), line.refusal({"sned"}));
  EXPECT_EQ(refusal({"queue", "lsit"}), line.refusal({"queue", "lsit"}));
  EXPECT_EQ(refusal({"send", "x"}), "postroad send: unknown command x; see postroad send --help");
}

TEST(CommandLine, ReportsAWrongDeclarationAsAnError) {
  Command twice{
      .name = "x",
      .summary = "x",
      .flags = {{.name = "a", .value = {}, .doc = ""}, {.name = "a", .value = {}, .doc = ""}}};
  EXPECT_FALSE(parse(twice, {}));
}

TEST(Help, IsAlignedAndWrapped) {
  Line line;
  EXPECT_EQ(*line.take({"send", "--help"})->show, R"(postroad send: sends one mail

Usage: postroad send [FLAGS] RECIPIENT...

Sends one mail to all recipients over one connection.

The report has a line for each of them.

Arguments
  RECIPIENT  Address of the recipient.

Flags
  -f, --from ADDRESS   The reverse-path.
      --subject TEXT   The subject. Default: `none`.
      --header FIELD   A field of the header. May be repeated.
      --tls WHEN       When TLS is used, which for a login is always. One of:
                       never, offered, required. Default: offered.
      --port NUMBER    The port.
  -w, --wait TIME      How long to wait. Default: `30s`.
      --size SIZE      How large. Default: `1`.
      --no-pipelining  One command at a time.
      --judged WORD    Checked by a function.
  -c, --config FILE    The configuration.
  -v, --verbose        Says more.
  -h, --help           Show this help and exit.

Examples
  postroad send --from a@b c@d
      Asks for the text.

Exit codes
   0  Every recipient was accepted.
  64  The command line is wrong.
)");
}

TEST(Help, KeepsToTheWidthAndToPlainText) {
  Line line;
  const Command* const path[] = {&line.root, &line.root.subcommands[0]};
  for (const int width : {40, 60, 100, 500}) {
    const auto text = help_text(path, {.version = {}, .width = width});
    EXPECT_THAT(text, Not(HasSubstr("\x1b")));
    std::istringstream lines(text);
    for (std::string one; std::getline(lines, one);)
      EXPECT_LE(one.size(), static_cast<std::size_t>(std::min(width, 100))) << one;
  }
  EXPECT_THAT(help_text(path, {.version = {}, .width = 80, .colour = true}),
              HasSubstr("\x1b[1mFlags\x1b[0m"));
}

// Runs a checker over a string; true also when the checker is not installed. `said` holds its
// output.
bool passes(const std::string& program, const std::string& arguments, const std::string& text,
            std::string& said) {
  if (std::system(("command -v " + program + " >/dev/null 2>&1").c_str()) != 0) return true;
  const auto stem = std::filesystem::temp_directory_path() /
                    ("postroad_command_test." + std::to_string(::getpid()));
  const auto out = stem.string() + ".out";
  std::ofstream(stem) << text;
  const bool ok =
      std::system(
          (program + " " + arguments + " " + stem.string() + " >" + out + " 2>&1").c_str()) == 0;
  std::ifstream words(out);
  said.assign(std::istreambuf_iterator<char>(words), {});
  std::filesystem::remove(stem);
  std::filesystem::remove(out);
  return ok && said.empty();
}

TEST(ManPages, AreCleanRoff) {
  Line line;
  line.root.subcommands[0].description += "\n\n.dot, 'quote, back\\slash and … ellipsis.";
  const auto pages = man_pages(line.root, {.version = "0.1.0"}, "2026-11-23");
  ASSERT_EQ(pages.size(), 5U);
  EXPECT_EQ(pages[1].name, "postroad-send.1");
  EXPECT_EQ(pages[4].name, "postroad-queue-show.1");
  EXPECT_THAT(pages[1].text,
              StartsWith(".TH POSTROAD\\-SEND 1 \"2026-11-23\" \"postroad 0.1.0\"\n"));
  EXPECT_THAT(pages[1].text,
              HasSubstr("\n\\&.dot, 'quote, back\\eslash and \\[u2026] ellipsis.\n"));
  EXPECT_THAT(
      pages[1].text,
      HasSubstr(".TP\n\\fB\\-f\\fR, \\fB\\-\\-from\\fR \\fIADDRESS\\fR\nThe reverse\\-path.\n"));
  EXPECT_THAT(pages[1].text, Not(HasSubstr("secret")));
  for (const auto& page : pages) {
    std::string said;
    EXPECT_TRUE(passes("groff", "-man -Tutf8 -ww -z", page.text, said)) << page.name << '\n'
                                                                        << said;
    EXPECT_TRUE(passes("mandoc", "-Tlint -Wwarning", page.text, said)) << page.name << '\n' << said;
  }
}

// The completions of the script for a line, one per line. Without bash, `source` is skipped.
std::string offered(const std::string& script, const std::string& words, int at) {
  std::string said;
  const auto text = script + "\ncompopt() { :; }\nCOMP_WORDS=(" + words +
                    ")\nCOMP_CWORD=" + std::to_string(at) +
                    "\n_postroad\nprintf '%s ' \"${COMPREPLY[@]}\"\n";
  passes("bash", "", text, said);
  return said;
}

TEST(Completion, BashOffersWhatIsDeclared) {
  Line line;
  const auto script = bash_completion(line.root);
  std::string said;
  EXPECT_TRUE(passes("bash", "-n", script, said)) << said;
  if (std::system("command -v bash >/dev/null 2>&1") != 0) GTEST_SKIP() << "no bash here";
  EXPECT_EQ(offered(script, "postroad ''", 1), "send queue ");
  EXPECT_EQ(offered(script, "postroad queue ''", 2), "list show ");
  EXPECT_EQ(offered(script, "postroad -c x queue s", 4), "show ");
  EXPECT_EQ(offered(script, "postroad send --tls ''", 3), "never offered required ");
  EXPECT_EQ(offered(script, "postroad send --su", 2), "--subject ");
  EXPECT_EQ(offered(script, "postroad send --from ''", 3), " ");
  EXPECT_THAT(offered(script, "postroad send -", 2), Not(HasSubstr("secret")));
}

TEST(Completion, ZshScriptIsWellFormed) {
  Line line;
  const auto script = zsh_completion(line.root);
  EXPECT_THAT(script, StartsWith("#compdef postroad\n"));
  EXPECT_THAT(script, HasSubstr("'send:sends one mail'"));
  EXPECT_THAT(script, HasSubstr("compadd -- 'never' 'offered' 'required'"));
  std::string said;
  EXPECT_TRUE(passes("zsh", "-n", script, said)) << said;
}

TEST(Completion, FishOffersWhatIsDeclared) {
  Line line;
  const auto script = fish_completion(line.root);
  EXPECT_THAT(script, HasSubstr("complete -c postroad -n '__postroad_at postroad' -a send -d "
                                "'sends one mail'\n"));
  EXPECT_THAT(script,
              HasSubstr("complete -c postroad -n '__postroad_at postroad send' -l tls -x -a "
                        "'\\'never\\' \\'offered\\' \\'required\\'' -d "));
  EXPECT_THAT(script, HasSubstr(" -l from -s f -x -d 'The reverse-path.'\n"));
  EXPECT_THAT(script, Not(HasSubstr("secret")));
  std::string said;
  EXPECT_TRUE(passes("fish", "-n", script, said)) << said;
}

}  // namespace
}  // namespace postroad::config
