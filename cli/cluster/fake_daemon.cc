// Stands for banyan-coordinator, -server and -worker in tests. What it does is the word in the file `<program>.does`:
//   nothing there   prints a ready line, ends at SIGTERM or at the end of the parent's pipe
//   dies            prints on stderr and ends before it is ready
//   ends            is ready, and ends
//   silent          is never ready
//   stubborn        is ready, and SIGTERM does not end it
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string>

int main(int argc, char** argv) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  std::string does;
  std::ifstream(std::string(argv[0]) + ".does") >> does;
  std::string listen = "127.0.0.1:0";
  pollfd watched[2] = {{.fd = signalfd(-1, &signals, SFD_CLOEXEC), .events = POLLIN, .revents = 0},
                       {.fd = -1, .events = POLLIN, .revents = 0}};
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    std::cerr << argument << std::endl;
    if (argument.starts_with("--parent-pipe=")) watched[1].fd = std::atoi(argument.c_str() + 14);
    if (argument.starts_with("--listen=")) listen = argument.substr(9);
  }
  if (does == "dies") {
    std::cerr << "error: the disk is full" << std::endl;
    return 3;
  }
  if (listen.ends_with(":0")) listen = "127.0.0.1:" + std::to_string(getpid());
  if (does != "silent") std::cout << "ready fake " << listen << " -" << std::endl;
  if (does == "ends") return 0;
  while (true) {
    if (does == "stubborn") watched[0].fd = -1;
    poll(watched, 2, -1);
    // Not through exit: LeakSanitizer stops the process there, and waits for ever where SIGCONT, which follows SIGTERM,
    // takes that stop back.
    if (watched[0].revents != 0 || watched[1].revents != 0) _exit(0);
  }
}
