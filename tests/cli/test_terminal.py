from keras_advxai.cli.terminal import tensorboard_program


def test_tensorboard_is_named_so_that_a_shell_finds_it(monkeypatch, tmp_path):
    binaries = tmp_path / "an environment" / "bin"
    binaries.mkdir(parents=True)
    monkeypatch.setattr("sys.executable", str(binaries / "python"))
    monkeypatch.setenv("PATH", str(binaries))
    assert tensorboard_program() == "tensorboard"  # there is none to name
    program = binaries / "tensorboard"
    program.touch(mode=0o755)
    assert tensorboard_program() == "tensorboard"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert tensorboard_program() == f"'{program}'"
    monkeypatch.chdir(tmp_path)
    assert tensorboard_program() == "'an environment/bin/tensorboard'"
