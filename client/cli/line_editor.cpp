#include "client/cli/line_editor.hpp"

#include <histedit.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cwchar>
#include <filesystem>
#include <string_view>

namespace nanoflow::cli {

/// What libedit's callbacks need.
struct EditorData {
  std::string prompt;
  int interrupt_fd = -1;
};

struct LineEditor::Impl {
  EditLine* editor = nullptr;
  History* history = nullptr;
  HistEvent event{};
  EditorData data;
  std::string file;
};

namespace {

EditorData& data_of(EditLine* editor) {
  void* data = nullptr;
  el_get(editor, EL_CLIENTDATA, &data);
  return *static_cast<EditorData*>(data);
}

char* prompt_of(EditLine* editor) {
  return data_of(editor).prompt.data();
}

/// As read() of one byte from the terminal. libedit's own reader loses a Ctrl-C that comes while it
/// is not waiting; this one finds it in the descriptor.
ssize_t read_byte(int interrupt_fd, unsigned char& byte) {
  pollfd items[] = {{STDIN_FILENO, POLLIN, 0}, {interrupt_fd, POLLIN, 0}};
  int ready = 0;
  do {
    ready = poll(items, 2, -1);
  } while (ready < 0 && errno == EINTR);  // the signal's handler has written to the descriptor
  if (ready < 0) return -1;
  if (items[1].revents) {
    errno = EINTR;
    return -1;
  }
  return ::read(STDIN_FILENO, &byte, 1);
}

/// One character in UTF-8, whatever the locale; a byte that begins none stands for itself.
int read_character(EditLine* editor, wchar_t* character) {
  const int interrupt_fd = data_of(editor).interrupt_fd;
  unsigned char byte = 0;
  if (const ssize_t count = read_byte(interrupt_fd, byte); count <= 0) return int(count);
  const int more = byte >= 0xF0 ? 3 : byte >= 0xE0 ? 2 : byte >= 0xC0 ? 1 : 0;
  *character = more == 0 ? byte : byte & (0x3F >> more);
  for (int i = 0; i < more; ++i) {
    if (const ssize_t count = read_byte(interrupt_fd, byte); count <= 0) return int(count);
    *character = *character << 6 | (byte & 0x3F);
  }
  return 1;
}

constexpr int max_history = 1000;

// Bracketed paste: a terminal that knows it puts pasted text between these, so that a newline
// inside is no Enter.
constexpr const char* paste_on = "\x1b[?2004h";
constexpr const char* paste_off = "\x1b[?2004l";
constexpr std::wstring_view paste_end = L"\x1b[201~";

unsigned char paste(EditLine* editor, int) {
  std::wstring text;
  wchar_t c = 0;
  while (!text.ends_with(paste_end)) {
    if (el_wgetc(editor, &c) != 1) return CC_ERROR;
    text += c == L'\r' ? L'\n' : c;
  }
  text.resize(text.size() - paste_end.size());
  while (text.ends_with(L'\n')) text.pop_back();
  return el_winsertstr(editor, text.c_str()) == 0 ? CC_REFRESH : CC_ERROR;
}

void say(const char* text) {
  std::fputs(text, stdout);
  std::fflush(stdout);
}

}  // namespace

LineEditor::LineEditor(const std::string& history_file, int interrupt_fd)
    : impl_(std::make_unique<Impl>()) {
  impl_->data.interrupt_fd = interrupt_fd;
  impl_->file = history_file;
  impl_->history = history_init();
  history(impl_->history, &impl_->event, H_SETSIZE, max_history);
  history(impl_->history, &impl_->event, H_SETUNIQUE, 1);
  if (!history_file.empty()) history(impl_->history, &impl_->event, H_LOAD, history_file.c_str());
  impl_->editor = el_init("nanoflow", stdin, stdout, stderr);
  el_set(impl_->editor, EL_CLIENTDATA, &impl_->data);
  el_set(impl_->editor, EL_GETCFN, read_character);
  el_set(impl_->editor, EL_PROMPT, prompt_of);
  el_set(impl_->editor, EL_EDITOR, "emacs");
  el_set(impl_->editor, EL_HIST, ::history, impl_->history);
  el_set(impl_->editor, EL_SIGNAL, 0);  // Ctrl-C is ours: it must only end the line
  el_set(impl_->editor, EL_BIND, "^R", "em-inc-search-prev", nullptr);
  el_set(impl_->editor, EL_ADDFN, "nanoflow-paste", "take pasted text as it is", paste);
  el_set(impl_->editor, EL_BIND, "\\e[200~", "nanoflow-paste", nullptr);
  el_source(impl_->editor, nullptr);  // the user's own ~/.editrc
}

LineEditor::~LineEditor() {
  if (!impl_->file.empty()) {
    const mode_t before = umask(0077);  // what one asks is one's own
    history(impl_->history, &impl_->event, H_SAVE, impl_->file.c_str());
    umask(before);
  }
  el_end(impl_->editor);
  history_end(impl_->history);
}

LineEditor::Result LineEditor::read(const std::string& prompt, std::string& line) {
  impl_->data.prompt = prompt;
  int count = 0;
  errno = 0;
  say(paste_on);
  // Before the prompt is there, not after: a Ctrl-D typed in between would be taken for a zero
  // byte.
  el_set(impl_->editor, EL_PREP_TERM, 1);
  const char* text = el_gets(impl_->editor, &count);
  const int error = errno;
  say(paste_off);
  if (!text || count <= 0) {
    const bool interrupted = error == EINTR;
    el_reset(impl_->editor);
    std::fputc('\n', stdout);
    return interrupted ? Result::interrupted : Result::end;
  }
  line.assign(text, std::size_t(count));
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.pop_back();
  return Result::line;
}

void LineEditor::remember(const std::string& text) {
  if (!text.empty()) history(impl_->history, &impl_->event, H_ENTER, text.c_str());
}

std::string history_path() {
  const char* state = std::getenv("XDG_STATE_HOME");
  const char* home = std::getenv("HOME");
  std::filesystem::path folder;
  if (state && *state)
    folder = state;
  else if (home && *home)
    folder = std::filesystem::path(home) / ".local/state";
  else
    return {};
  folder /= "nanoflow";
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return {};
  std::filesystem::permissions(folder, std::filesystem::perms::owner_all, error);
  return (folder / "history").string();
}

}  // namespace nanoflow::cli
