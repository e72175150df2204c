"""tls/vsftpd.conf.j2 as Python, written by `make templates`; do not edit."""

FINGERPRINT = 550767157
INCLUDES = ('tls/_header.j2',)


def made(environment, runtime):
    Undefined = runtime['Undefined']
    missing = runtime['missing']

    def root(context, missing=missing, environment=environment):
        resolve = context.resolve_or_missing
        undefined = environment.undefined
        concat = environment.concat
        cond_expr_undefined = Undefined
        if 0: yield None
        l_0_params = resolve('params')
        l_0_switches = resolve('switches')
        l_0_job = resolve('job')
        pass
        template = environment.get_template('tls/_header.j2', 'tls/vsftpd.conf.j2')
        gen = template.root_render_func(template.new_context(context.get_all(), True, {}))
        try:
            for event in gen:
                yield event
        finally: gen.close()
        if environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'listen'):
            pass
            yield 'listen_port='
            yield str(environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'listen'))
            yield '\nssl_enable=YES\nrsa_cert_file='
            yield str(environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'certificate'))
            yield '\nrsa_private_key_file='
            yield str(environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'key'))
            yield '\n'
        for (l_1_word, l_1_value) in (undefined(name='switches') if l_0_switches is missing else l_0_switches):
            _loop_vars = {}
            pass
            yield str(l_1_word)
            yield '='
            yield str(l_1_value)
            yield '\n'
        l_1_word = l_1_value = missing
        if environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'ciphers'):
            pass
            yield 'ssl_ciphers='
            yield str(environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'cipher_string'))
            yield '\n'
        if environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'dhparam'):
            pass
            yield 'dh_param_file='
            yield str(environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'dhparam'))
            yield '\n'

    return root
