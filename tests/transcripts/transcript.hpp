// A session in a file, as the RFCs print them, with the expected outcome. README.md beside this
// file describes the format. One file drives the server machine, the client machine, and real
// sockets; this is only its reader.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace postroad::transcripts {

/// One turn of the session.
struct Turn {
  enum class Kind { client, server, tls, client_closed, server_closed, timeout, perform };
  Kind kind;
  std::string
      bytes;  ///< with line ends; a server's may hold `*`, which stands for any text within a line
  int line = 0;
};

/// `verb: words` lines: settings, policy, expectations.
struct Word {
  std::string text;
  int line = 0;
};

struct Transcript {
  std::string file;
  std::string title;
  std::vector<std::string> guards;  ///< slugs of guards.md
  bool for_server = true;
  bool for_client = true;
  std::vector<Word> server_options;
  std::vector<Word> client_options;
  std::vector<Word> policy;
  std::vector<Word> expectations;
  std::vector<Turn> turns;
};

/// Throws std::runtime_error with file and line: a test's input must be right.
Transcript read_transcript(const std::string& path);
std::vector<std::string> all_transcripts();
/// The file's folder and name as a word that GoogleTest takes.
std::string name_of(const std::string& file);

/// Whether `text` is `pattern`, in which `*` stands for any run without a line end.
bool matches(std::string_view pattern, std::string_view text);
/// Words separated by spaces; a part in double quotes is one word, with \r \n \t \0 \\ \" \xNN.
std::vector<std::string> words_of(const std::string& text);
std::string unescape(std::string_view text);

}  // namespace postroad::transcripts
