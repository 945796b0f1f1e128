/* An encoder that is through at once, and takes as little of the machine as a program can: where it is
 * to encode, which its `-progress` says, it writes one line into its last argument. It is the tool that
 * lies beside it as `NAME.real` otherwise. */

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int make(const char *path)
{
    static const char result[] = "a result\n";
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (file < 0 || write(file, result, sizeof result - 1) != sizeof result - 1) {
        perror(path);
        return 1;
    }
    return 0;
}

int main(int count, char **args)
{
    char real[4096];
    int encodes = 0;
    for (int at = 1; at < count; at++)
        encodes |= strcmp(args[at], "-progress") == 0;
    if (encodes && strncmp(args[count - 1], "file:", 5) == 0)
        return make(args[count - 1] + 5);
    if (snprintf(real, sizeof real, "%s.real", args[0]) < (int)sizeof real)
        execv(real, args);
    perror(real);
    return 127;
}
